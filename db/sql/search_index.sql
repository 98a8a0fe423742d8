-- name: upsert_documents
-- Make tracks findable, or replace what is known of them.
INSERT INTO track_search AS s (id, title, artist, album, genre, year, duration, format, audio_path,
                               title_words, title_core, artist_words, folding_version, document)
SELECT n.id, n.title, n.artist, n.album, n.genre, n.year, n.duration, n.format, n.audio_path,
       n.title_words, n.title_core, n.artist_words, %(folding_version)s, n.document::tsvector
FROM json_to_recordset(%(tracks)s::json) AS n (
    id uuid, title text, artist text, album text, genre text, year smallint, duration double precision, format text,
    audio_path text, title_words smallint, title_core smallint, artist_words smallint, document text)
ON CONFLICT (id) DO UPDATE SET
    title = excluded.title, artist = excluded.artist, album = excluded.album, genre = excluded.genre,
    year = excluded.year, duration = excluded.duration, format = excluded.format, audio_path = excluded.audio_path,
    title_words = excluded.title_words, title_core = excluded.title_core, artist_words = excluded.artist_words,
    folding_version = excluded.folding_version, document = excluded.document, indexed_at = excluded.indexed_at

-- name: add_words
-- Put words that the dictionary lacks into it; never waits for another transaction, so it cannot deadlock.
INSERT INTO search_word (word, latin)
SELECT n.word, n.latin
FROM json_to_recordset(%(words)s::json) AS n (word text, latin text)
WHERE NOT EXISTS (SELECT FROM search_word known WHERE known.word = n.word)

-- name: outdated
-- The next tracks to be folded anew. Locked rows are being written at this moment, by code as new as this: left alone.
SELECT id, doc_id, title, artist, album, genre, year, duration, format, audio_path
FROM track_search
WHERE doc_id > %(after)s AND (folding_version <> %(folding_version)s OR indexed_at < %(before)s::timestamptz)
ORDER BY doc_id
LIMIT %(batch)s
FOR UPDATE SKIP LOCKED

-- name: missing
-- Completed tracks that the read model lacks, next in order of their ids.
SELECT t.id, t.title, t.artist, t.album, t.genre, t.year, t.duration, t.format, t.audio_path
FROM audio_tracks t
WHERE t.status = 'COMPLETED' AND t.id > %(after)s::uuid
  AND NOT EXISTS (SELECT FROM track_search s WHERE s.id = t.id)
ORDER BY t.id
LIMIT %(batch)s
FOR UPDATE OF t SKIP LOCKED

-- name: remaining
-- How many tracks are to be folded anew.
SELECT count(*) AS tracks, clock_timestamp() AS now FROM track_search
WHERE folding_version <> %(folding_version)s OR %(everything)s

-- name: shadow
-- A copy of the read model that only this session sees, under the same names: temporary tables come first, in plans
-- made from here on.
CREATE TEMPORARY TABLE track_search (LIKE public.track_search INCLUDING ALL) ON COMMIT DROP;
CREATE TEMPORARY TABLE search_word (LIKE public.search_word INCLUDING ALL) ON COMMIT DROP;
INSERT INTO pg_temp.track_search OVERRIDING SYSTEM VALUE SELECT * FROM public.track_search;
DISCARD PLANS

-- name: shadow_batch
-- The next tracks of the copy.
SELECT id, doc_id, title, artist, album, genre, year, duration, format, audio_path
FROM pg_temp.track_search WHERE doc_id > %(after)s ORDER BY doc_id LIMIT %(batch)s
