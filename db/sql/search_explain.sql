-- name: document
-- What is searched of a track.
SELECT document::text AS document, folding_version FROM track_search WHERE id = %(audio_id)s

-- name: matches
-- Whether a track matches a query.
SELECT document @@ %(query)s::tsquery AS matches FROM track_search WHERE id = %(audio_id)s

-- name: passes_filters
-- A row where a track passes the filters that the index cannot answer.
SELECT 1 AS passes FROM track_search s
WHERE s.id = %(audio_id)s
  AND (%(year_min)s::integer IS NULL OR s.year >= %(year_min)s::integer)
  AND (%(year_max)s::integer IS NULL OR s.year <= %(year_max)s::integer)
  AND (%(duration_min)s::double precision IS NULL OR s.duration >= %(duration_min)s::double precision)
  AND (%(duration_max)s::double precision IS NULL OR s.duration <= %(duration_max)s::double precision)
  AND (%(format)s::text IS NULL OR lower(s.format) = lower(%(format)s::text))
  AND (%(genre)s::text IS NULL OR lower(s.genre) = lower(%(genre)s::text)
       OR lower(%(genre)s::text) = ANY (regexp_split_to_array(lower(s.genre), '\s*[|;,/]\s*')))
  AND (%(status)s::text IS NULL OR EXISTS (SELECT FROM audio_tracks t WHERE t.id = s.id AND t.status = %(status)s::text))

-- name: lag
-- How far the read model is behind: completed tracks missing from it, and tracks folded by another version.
SELECT (SELECT count(*) FROM audio_tracks t WHERE t.status = 'COMPLETED'
                                              AND NOT EXISTS (SELECT FROM track_search s WHERE s.id = t.id)) AS missing,
       (SELECT count(*) FROM track_search WHERE folding_version <> %(folding_version)s) AS outdated
