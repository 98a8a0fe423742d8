-- name: begin
-- Bound what a search may cost and keep the planner to the index, inside the caller's transaction.
SAVEPOINT tonearm_search; {settings}

-- name: begin_alone
-- The same on a connection in autocommit, where there is no transaction yet.
BEGIN READ ONLY; {settings}

-- name: settings
-- The caller's own timeout holds where it is shorter.
SET LOCAL enable_seqscan = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off;
SET LOCAL pg_trgm.similarity_threshold = 0.4;
SELECT set_config('statement_timeout', coalesce(least(
    nullif(extract(epoch FROM current_setting('statement_timeout')::interval) * 1000, 0), %(timeout_ms)s
), %(timeout_ms)s)::integer::text, true)

-- name: end
-- Give the caller its transaction back as it was.
ROLLBACK TO SAVEPOINT tonearm_search; RELEASE SAVEPOINT tonearm_search

-- name: end_alone
-- End what begin_alone began.
ROLLBACK

-- name: newest
-- The newest track there is: what a cursor is bound by.
SELECT coalesce(max(doc_id), 0) AS doc_id FROM track_search

-- name: common_words
-- The lexemes that many tracks have, as ANALYZE last saw them, most frequent first; a hint, never the truth.
SELECT most_common_elems::text::text[] AS words, most_common_elem_freqs AS frequencies,
       (SELECT reltuples FROM pg_class WHERE oid = 'track_search'::regclass) AS tracks
FROM pg_stats
WHERE schemaname = (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'track_search'::regclass)
  AND tablename = 'track_search' AND attname = 'document'

-- name: tier
-- The best of one tier. Its branches stop at the cap together, in their order, so that what is cut off is the worst.
WITH found AS (
    SELECT doc_id, least(%(most)s, greatest(%(least)s, ({points}) + ({bonus})))::integer AS points
    FROM (SELECT * FROM ({branches}) each LIMIT %(cap)s) s
),
summary AS (SELECT count(DISTINCT doc_id) AS found, max(points) AS best, count(*) AS taken FROM found)
SELECT page.*, summary.found, summary.best, summary.taken
FROM summary LEFT JOIN (
    SELECT s.id, s.doc_id, s.title, s.artist, s.album, s.genre, s.year, s.duration, s.format, s.audio_path, best.points
    FROM (
        SELECT DISTINCT ON (points, doc_id) points, doc_id FROM found
        WHERE true
          AND (-points, doc_id) > (-%(after_points)s::integer, %(after_doc)s::bigint)
          AND points >= %(least_points)s::integer
        ORDER BY points DESC, doc_id
        LIMIT %(wanted)s
    ) best JOIN track_search s USING (doc_id)
) page ON true
ORDER BY page.points DESC, page.doc_id

-- name: branch
-- One branch of a tier: its index condition, then whatever else is asked of a track.
(SELECT s.* FROM track_search s
 WHERE s.document @@ {query}::tsquery
   AND (s.document @@ %(seen)s::tsquery) IS NOT TRUE
   AND (s.document @@ %(excluded)s::tsquery) IS NOT TRUE
   AND s.doc_id <= %(newest)s::bigint
   AND s.year >= %(year_min)s::integer
   AND s.year <= %(year_max)s::integer
   AND s.duration >= %(duration_min)s::double precision
   AND s.duration <= %(duration_max)s::double precision
   AND lower(s.format) = lower(%(format)s::text)
   AND (lower(s.genre) = lower(%(genre)s::text)
        OR lower(%(genre)s::text) = ANY (regexp_split_to_array(lower(s.genre), '\s*[|;,/]\s*')))
   AND EXISTS (SELECT FROM audio_tracks t WHERE t.id = s.id AND t.status = %(status)s::text)
 {also}
 LIMIT %(branch_cap)s)

-- name: exact_points
-- How exact: an artist before a title, the whole before its core, before
-- transliteration; then whether articles and spelling agree.
CASE WHEN s.document @@ %(key_a)s::tsquery AND s.document @@ %(key_b)s::tsquery THEN 9800
     WHEN s.document @@ %(key_b)s::tsquery THEN 9700
     WHEN s.document @@ %(key_a)s::tsquery THEN 9600
     WHEN s.document @@ %(core_b)s::tsquery THEN 9400
     WHEN s.document @@ %(core_a)s::tsquery THEN 9300
     ELSE 9100 END
+ CASE WHEN lower(s.artist) = lower(%(text)s::text) OR lower(s.title) = lower(%(text)s::text) THEN 90
       WHEN s.document @@ %(phrase)s::tsquery THEN 60 ELSE 0 END

-- name: words_points
-- How much of the name was asked for, where all words are in it, and less where they are in "(Somebody Cover)"; less
-- again for words that only the album or the rest has. Better where the words follow each other or name the artist.
CASE WHEN s.document @@ %(words_ab)s::tsquery THEN greatest(
          CASE WHEN s.document @@ %(words_a)s::tsquery
               THEN 2000 * least(1, %(size)s::real / s.title_words)
                    * CASE WHEN s.title_words > s.title_core THEN 0.6 ELSE 1 END END,
          CASE WHEN s.document @@ %(words_b)s::tsquery
               THEN 2000 * least(1, %(size)s::real / greatest(1, s.artist_words)) END,
          CASE WHEN (s.document @@ %(words_a)s::tsquery) IS NOT TRUE
               THEN 1900 * least(1, %(size)s::real / (s.title_core + s.artist_words
                                            + CASE WHEN s.title_words > s.title_core THEN 0.5 ELSE 0 END)) END) + 6500
     WHEN s.document @@ %(album)s::tsquery THEN 6450
     WHEN s.document @@ %(words_abc)s::tsquery
          THEN 5600 + 800 * least(1, %(size)s::real / (s.title_core + s.artist_words))
     ELSE 5000 + 500 * least(1, %(size)s::real / (s.title_core + s.artist_words)) END
+ CASE WHEN s.document @@ %(phrase)s::tsquery THEN 300 ELSE 0 END
+ CASE WHEN s.document @@ %(named)s::tsquery THEN 200 ELSE 0 END

-- name: prefix_points
-- How much of the name was typed, in characters; names that begin with it first.
CASE WHEN s.document @@ %(words_ab)s::tsquery THEN greatest(
          CASE WHEN s.document @@ %(words_a)s::tsquery
               THEN 1700 * least(1, %(length)s::real / char_length(s.title)) END,
          CASE WHEN s.document @@ %(words_b)s::tsquery
               THEN 1700 * least(1, %(length)s::real / char_length(s.artist)) END,
          1500 * least(1, %(length)s::real / (char_length(s.title) + coalesce(char_length(s.artist), 0)))) + 2900
     ELSE 2500 + 300 * least(1, %(length)s::real / (char_length(s.title) + coalesce(char_length(s.artist), 0))) END
+ CASE WHEN s.document @@ %(beginning)s::tsquery THEN 300 ELSE 0 END
+ CASE WHEN s.document @@ %(named)s::tsquery THEN 600 ELSE 0 END

-- name: fuzzy_points
-- All alike: what was meant is told by comparing the names, outside the database.
0

-- name: spellings
-- Words of the dictionary that are one slip away from what was typed, or share many of its trigrams.
(SELECT w.typed, known.word
 FROM unnest(%(typed)s::text[], %(slips)s::text[]) AS w (typed, slip) JOIN search_word known ON known.word = w.slip)
UNION
(SELECT w.typed, near.word
 FROM unnest(%(long)s::text[], %(latin)s::text[]) AS w (typed, latin)
 CROSS JOIN LATERAL (
     SELECT known.word FROM search_word known WHERE known.latin %% w.latin
     ORDER BY similarity(known.latin, w.latin) DESC, known.word LIMIT 40
 ) near)

-- name: known_words
-- Which of the words any track has.
SELECT DISTINCT word FROM search_word WHERE word = ANY (%(words)s)
