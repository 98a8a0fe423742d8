-- name: bound
-- Bound what the next statement may cost; the caller's own timeout holds where it is shorter.
SELECT set_config('statement_timeout', coalesce(least(
    nullif(extract(epoch FROM current_setting('statement_timeout')::interval) * 1000, 0), %(timeout_ms)s
), %(timeout_ms)s)::integer::text, true)

-- name: begin
-- Set something for a search alone, inside the caller's transaction.
SAVEPOINT tonearm_search

-- name: end
-- Give the caller its transaction back as it was.
ROLLBACK TO SAVEPOINT tonearm_search; RELEASE SAVEPOINT tonearm_search

-- name: common_words
-- The lexemes that many tracks have, as ANALYZE last saw them, most frequent first; a hint, never the truth.
SELECT most_common_elems::text::text[] AS words, most_common_elem_freqs AS frequencies,
       (SELECT reltuples FROM pg_class WHERE oid = 'track_search'::regclass) AS tracks
FROM pg_stats
WHERE schemaname = (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'track_search'::regclass)
  AND tablename = 'track_search' AND attname = 'document'

-- name: tracks
-- The tiers exact, words and prefix; migrations/0004_search_functions.sql has what happens.
SELECT * FROM search_tracks(%(page)s, %(narrow)s, %(excluded)s, %(signs)s, %(common)s, %(exact)s, %(words)s, %(prefix)s)

-- name: meant
-- Tracks that have what a mistyped word may have meant.
SELECT * FROM search_meant(%(asked)s, %(seen)s, %(excluded)s, %(narrow)s, %(branch_cap)s, %(cap)s)

-- name: spellings
-- Words of the dictionary that are one slip away from what was typed, or share many of its trigrams.
SELECT search_spellings(%(slips)s, %(long)s) AS word
