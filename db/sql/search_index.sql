-- name: upsert_documents
-- Make tracks findable, or replace what is known of them; parallel arrays, one element per track.
INSERT INTO track_search AS s (id, title, artist, album, genre, year, duration, format, audio_path,
                               title_words, title_core, artist_words, folding_version, document)
SELECT n.id, n.title, n.artist, n.album, n.genre, n.year, n.duration, n.format, n.audio_path,
       n.title_words, n.title_core, n.artist_words, %(folding_version)s, n.document::tsvector
FROM unnest(%(id)s::uuid[], %(title)s::text[], %(artist)s::text[], %(album)s::text[], %(genre)s::text[],
            %(year)s::smallint[], %(duration)s::double precision[], %(format)s::text[], %(audio_path)s::text[],
            %(title_words)s::smallint[], %(title_core)s::smallint[],
            %(artist_words)s::smallint[], %(document)s::text[])
     AS n (id, title, artist, album, genre, year, duration, format, audio_path, title_words, title_core,
           artist_words, document)
ON CONFLICT (id) DO UPDATE SET
    title = excluded.title, artist = excluded.artist, album = excluded.album, genre = excluded.genre,
    year = excluded.year, duration = excluded.duration, format = excluded.format, audio_path = excluded.audio_path,
    title_words = excluded.title_words, title_core = excluded.title_core, artist_words = excluded.artist_words,
    folding_version = excluded.folding_version, document = excluded.document, indexed_at = excluded.indexed_at

-- name: add_words
-- Put words that the dictionary lacks into it; never waits for another transaction, so it cannot deadlock.
INSERT INTO search_word (word, latin)
SELECT n.word, n.latin
FROM unnest(%(words)s::text[], %(latin)s::text[]) AS n (word, latin)
WHERE NOT EXISTS (SELECT FROM search_word known WHERE known.word = n.word)
