-- depends: 0002_inbox
-- The read model. One row per track that has ever completed; what db.search_document makes of its names is in document.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE track_search (
    id              uuid PRIMARY KEY,
    doc_id          bigint GENERATED ALWAYS AS IDENTITY,
    title           varchar(500) NOT NULL,
    artist          varchar(500),
    album           varchar(500),
    genre           varchar(200),
    year            smallint,
    duration        double precision,
    format          varchar(50),
    audio_path      varchar(2048) NOT NULL,
    title_words     smallint NOT NULL,
    title_core      smallint NOT NULL,
    artist_words    smallint NOT NULL,
    folding_version smallint NOT NULL,
    document        tsvector NOT NULL,
    indexed_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE track_search IS 'What searches read: one row per track that has ever completed, as it last was.';
COMMENT ON COLUMN track_search.doc_id IS 'the order in which tracks became findable: ties and cursors go by it';
COMMENT ON COLUMN track_search.document IS 'made by db/search_document.py, which says what its lexemes mean';

-- A short pending list: new tracks enter the index some hundreds at a time, which halves what they cost, and a search
-- scans at most 256 kB of them.
CREATE INDEX track_search_document ON track_search
    USING gin (document) WITH (fastupdate = on, gin_pending_list_limit = 256);
-- Reindexing goes by doc_id; it also tells how many tracks were there when a search began.
CREATE UNIQUE INDEX track_search_doc_id ON track_search (doc_id);

-- The distinct words (and, after "=", artists' names without spaces) that a mistyped word may have meant. Not unique:
-- two transactions that meet a new word at the same time both write it rather than wait for each other.
CREATE TABLE search_word (
    word  text COLLATE "C" NOT NULL,
    latin text COLLATE "C" NOT NULL
);

COMMENT ON TABLE search_word IS 'The dictionary that mends typos: every word of every track, seldom twice.';
COMMENT ON COLUMN search_word.latin IS 'the word in ASCII: pg_trgm sees no other letters in a database of locale C';

CREATE INDEX search_word_word ON search_word (word);
CREATE INDEX search_word_latin ON search_word
    USING gin (latin gin_trgm_ops) WITH (fastupdate = on, gin_pending_list_limit = 256);

CREATE FUNCTION audio_tracks_forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM track_search s USING old_tracks o WHERE s.id = o.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER audio_tracks_forget AFTER DELETE ON audio_tracks
    REFERENCING OLD TABLE AS old_tracks
    FOR EACH STATEMENT EXECUTE FUNCTION audio_tracks_forget();
