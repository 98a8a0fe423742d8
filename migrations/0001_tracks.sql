-- The tracks, their states and the audit trail of every transition.

CREATE TABLE audio_tracks (
    id                  uuid PRIMARY KEY,
    status              text NOT NULL DEFAULT 'PENDING',
    title               varchar(500),
    artist              varchar(500),
    album               varchar(500),
    genre               varchar(200),
    year                smallint,
    duration            double precision,
    channels            smallint,
    sample_rate         integer,
    bitrate             integer,
    format              varchar(50),
    file_size           bigint,
    audio_path          varchar(2048),
    thumbnail_path      varchar(2048),
    retry_count         integer NOT NULL DEFAULT 0,
    error_code          varchar(100),
    error_message       varchar(2000),
    next_attempt_at     timestamptz,
    current_event_id    uuid,
    lease_token         uuid,
    lease_expires_at    timestamptz,
    lease_owner         text,
    applied_event_id    uuid,
    applied_occurred_at timestamptz,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    completed_at        timestamptz,
    CONSTRAINT audio_tracks_status_known CHECK (status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED')),
    CONSTRAINT audio_tracks_year_range CHECK (year BETWEEN 1800 AND 2100),
    CONSTRAINT audio_tracks_duration_positive CHECK (duration > 0 AND duration < 'infinity'),
    CONSTRAINT audio_tracks_channels_range CHECK (channels BETWEEN 1 AND 16),
    CONSTRAINT audio_tracks_sample_rate_positive CHECK (sample_rate > 0),
    CONSTRAINT audio_tracks_bitrate_positive CHECK (bitrate > 0),
    CONSTRAINT audio_tracks_file_size_not_negative CHECK (file_size >= 0),
    CONSTRAINT audio_tracks_audio_path_has_scheme CHECK (audio_path ~ '^[A-Za-z][A-Za-z0-9+.-]+://.'),
    CONSTRAINT audio_tracks_retry_count_not_negative CHECK (retry_count >= 0),
    CONSTRAINT audio_tracks_completed_is_whole CHECK (
        status <> 'COMPLETED' OR (title IS NOT NULL AND audio_path IS NOT NULL AND completed_at IS NOT NULL)
    ),
    CONSTRAINT audio_tracks_processing_has_lease CHECK (
        (status = 'PROCESSING') = (lease_token IS NOT NULL) AND (lease_token IS NULL) = (lease_expires_at IS NULL)
    ),
    CONSTRAINT audio_tracks_only_failed_waits CHECK (next_attempt_at IS NULL OR status = 'FAILED')
);

COMMENT ON TABLE audio_tracks IS 'One row per track: its state, and the metadata of the event applied last.';
COMMENT ON COLUMN audio_tracks.duration IS 'seconds';
COMMENT ON COLUMN audio_tracks.sample_rate IS 'Hz';
COMMENT ON COLUMN audio_tracks.bitrate IS 'bit/s';
COMMENT ON COLUMN audio_tracks.file_size IS 'bytes';
COMMENT ON COLUMN audio_tracks.current_event_id IS 'the event whose attempt brought the track to its present state';
COMMENT ON COLUMN audio_tracks.lease_owner IS 'the worker process that holds the lease';
COMMENT ON COLUMN audio_tracks.next_attempt_at IS 'when a FAILED track is tried again by itself; null: not until somebody asks';

CREATE TABLE audio_track_history (
    id            bigint GENERATED ALWAYS AS IDENTITY,
    audio_id      uuid NOT NULL,
    from_status   text,
    to_status     text NOT NULL,
    attempt       integer NOT NULL,
    event_id      uuid,
    worker        text,
    error_code    text,
    error_message text,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (audio_id, id)
);

COMMENT ON TABLE audio_track_history IS
    'The audit trail: one row per transition, and rows whose from equals to for what else is worth knowing. '
    'No foreign key: only the trigger on audio_tracks writes transitions, and the trail outlives the track.';

-- What a transition does besides the status itself, whoever makes it: the legality check, the lease, the counters.
-- The pairs are those of db/status.py; a test compares the two.
CREATE FUNCTION audio_tracks_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'PENDING' THEN
            RAISE EXCEPTION 'track % cannot begin as %: a track begins as PENDING', NEW.id, NEW.status
                USING ERRCODE = 'TA001', CONSTRAINT = 'audio_tracks_transition';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.id <> OLD.id THEN
        RAISE EXCEPTION 'track % cannot change its id', OLD.id
            USING ERRCODE = 'TA001', CONSTRAINT = 'audio_tracks_transition';
    END IF;
    IF (OLD.status, NEW.status) NOT IN (
        ('PENDING', 'PROCESSING'),
        ('FAILED', 'PROCESSING'),
        ('COMPLETED', 'PROCESSING'),
        ('PROCESSING', 'COMPLETED'),
        ('PROCESSING', 'FAILED'),
        ('PROCESSING', 'PENDING')
    ) THEN
        RAISE EXCEPTION 'track % cannot go from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'TA001', CONSTRAINT = 'audio_tracks_transition';
    END IF;
    NEW.updated_at := clock_timestamp();
    IF NEW.status = 'PROCESSING' THEN
        NEW.lease_token := coalesce(NEW.lease_token, gen_random_uuid());
        NEW.lease_expires_at := coalesce(NEW.lease_expires_at, now() + interval '60 seconds');
        NEW.next_attempt_at := NULL;
    ELSE
        NEW.lease_token := NULL;
        NEW.lease_expires_at := NULL;
        NEW.lease_owner := NULL;
        IF NEW.status = 'FAILED' THEN
            NEW.retry_count := OLD.retry_count + 1;
        ELSE
            NEW.error_code := NULL;
            NEW.error_message := NULL;
        END IF;
        IF NEW.status = 'COMPLETED' THEN
            NEW.completed_at := NEW.updated_at;
        END IF;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER audio_tracks_begin BEFORE INSERT ON audio_tracks
    FOR EACH ROW WHEN (NEW.status <> 'PENDING') EXECUTE FUNCTION audio_tracks_transition();

CREATE TRIGGER audio_tracks_transition BEFORE UPDATE ON audio_tracks
    FOR EACH ROW WHEN (OLD.status <> NEW.status OR OLD.id <> NEW.id) EXECUTE FUNCTION audio_tracks_transition();

-- Statement-level, on transition tables: a batch of a thousand tracks is one INSERT into the history.
-- The attempt is the one that began with the claim; the worker is the connection's application_name, which
-- survives PgBouncer and says "psql" when somebody did it by hand.
CREATE FUNCTION audio_tracks_record_creation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audio_track_history (audio_id, from_status, to_status, attempt, event_id, worker)
    SELECT n.id, NULL, n.status, 0, n.current_event_id, current_setting('application_name')
    FROM new_tracks n;
    RETURN NULL;
END
$$;

CREATE FUNCTION audio_tracks_record_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audio_track_history
        (audio_id, from_status, to_status, attempt, event_id, worker, error_code, error_message)
    SELECT n.id, o.status, n.status,
           CASE WHEN n.status = 'FAILED' THEN n.retry_count ELSE n.retry_count + 1 END,
           n.current_event_id, current_setting('application_name'),
           CASE WHEN n.status = 'FAILED' THEN n.error_code END,
           CASE WHEN n.status = 'FAILED' THEN n.error_message END
    FROM new_tracks n JOIN old_tracks o USING (id)
    WHERE n.status <> o.status;
    RETURN NULL;
END
$$;

CREATE TRIGGER audio_tracks_record_creation AFTER INSERT ON audio_tracks
    REFERENCING NEW TABLE AS new_tracks
    FOR EACH STATEMENT EXECUTE FUNCTION audio_tracks_record_creation();

CREATE TRIGGER audio_tracks_record_transition AFTER UPDATE ON audio_tracks
    REFERENCING OLD TABLE AS old_tracks NEW TABLE AS new_tracks
    FOR EACH STATEMENT EXECUTE FUNCTION audio_tracks_record_transition();

-- Listing: every ordering that db.read.tracks offers, with the id as its tie-break.
CREATE INDEX audio_tracks_created_at ON audio_tracks (created_at, id);
CREATE INDEX audio_tracks_updated_at ON audio_tracks (updated_at, id);
CREATE INDEX audio_tracks_title ON audio_tracks (title, id);
CREATE INDEX audio_tracks_artist ON audio_tracks (artist, id);
CREATE INDEX audio_tracks_year ON audio_tracks (year, id);
CREATE INDEX audio_tracks_status ON audio_tracks (status, created_at, id);
-- The sweeper: leases that ran out, retries that are due.
CREATE INDEX audio_tracks_lease ON audio_tracks (lease_expires_at) WHERE status = 'PROCESSING';
CREATE INDEX audio_tracks_due ON audio_tracks (next_attempt_at) WHERE status = 'FAILED';
-- "Failures of the last hour by error_code" and pruning.
CREATE INDEX audio_track_history_failures ON audio_track_history (at) WHERE to_status = 'FAILED';
CREATE INDEX audio_track_history_at ON audio_track_history USING brin (at) WITH (pages_per_range = 32);
