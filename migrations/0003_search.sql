-- depends: 0002_inbox
-- The read model. One row per track that has ever completed; what db.folding makes of its names is in the document.

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
    artist_words    smallint NOT NULL,
    folding_version smallint NOT NULL,
    document        tsvector NOT NULL,
    indexed_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- fastupdate off: with it, searches scan the pending list and now and then one write pays for thousands.
CREATE INDEX track_search_document ON track_search USING gin (document) WITH (fastupdate = off);

CREATE FUNCTION audio_tracks_forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM track_search s USING old_tracks o WHERE s.id = o.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER audio_tracks_forget AFTER DELETE ON audio_tracks
    REFERENCING OLD TABLE AS old_tracks
    FOR EACH STATEMENT EXECUTE FUNCTION audio_tracks_forget();
