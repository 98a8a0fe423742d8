-- depends: 0004_search_functions
-- What `tonearm scan` last saw of each file, so that the next scan knows what is new, changed or moved.

CREATE TABLE scanned_files (
    path       text COLLATE "C" PRIMARY KEY,
    audio_id   uuid NOT NULL,
    audio      bytea NOT NULL,
    content    bytea NOT NULL,
    is_copy    boolean NOT NULL,
    stamp      text,
    looked     boolean NOT NULL,
    thumbnail  text,
    event_id   uuid,
    seen_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE scanned_files IS 'One row a file that was scanned: what it was when a scan last saw it.';
COMMENT ON COLUMN scanned_files.path IS 'a file URI; with COLLATE "C" what is below a directory is a range';
COMMENT ON COLUMN scanned_files.audio IS 'SHA-256 of the audio without tags: what a file keeps when it is tagged';
COMMENT ON COLUMN scanned_files.content IS 'a digest of everything: equal only for equal files';
COMMENT ON COLUMN scanned_files.is_copy IS 'an equal file stands for the track already';
COMMENT ON COLUMN scanned_files.stamp IS 'size and times: while they stay the same the file need not be read again';
COMMENT ON COLUMN scanned_files.looked IS 'whether a picture was looked for in what it is now';
COMMENT ON COLUMN scanned_files.thumbnail IS 'the URI of the picture that was found last';
COMMENT ON COLUMN scanned_files.event_id IS 'the event that was last published for it; null for a copy';

-- Which files have this audio: those that may have been moved or tagged.
CREATE INDEX scanned_files_audio ON scanned_files (audio) WHERE NOT is_copy;
-- Which file stands for a track.
CREATE INDEX scanned_files_audio_id ON scanned_files (audio_id) WHERE NOT is_copy;
