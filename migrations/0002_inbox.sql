-- depends: 0001_tracks
-- The inbox that makes delivery safe, and what could not even be parsed.

CREATE TABLE audio_events (
    event_id    uuid PRIMARY KEY,
    audio_id    uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    payload     jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    enqueued_at timestamptz,
    settled_at  timestamptz,
    outcome     text,
    CONSTRAINT audio_events_outcome_known CHECK (outcome IN ('applied', 'stale', 'rejected')),
    CONSTRAINT audio_events_settled_has_outcome CHECK ((settled_at IS NULL) = (outcome IS NULL))
);

COMMENT ON TABLE audio_events IS 'The inbox: every event once, until and after it is settled.';
COMMENT ON COLUMN audio_events.enqueued_at IS 'when its message was last handed to the broker; null: not yet';

-- What is still to be done, for the sweeper and for the worker that settles a track others wait for.
CREATE INDEX audio_events_open ON audio_events (enqueued_at NULLS FIRST) WHERE settled_at IS NULL;
CREATE INDEX audio_events_waiting ON audio_events (audio_id) WHERE settled_at IS NULL;
-- Pruning.
CREATE INDEX audio_events_received_at ON audio_events USING brin (received_at) WITH (pages_per_range = 32);

CREATE TABLE rejected_events (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest      bytea NOT NULL UNIQUE,
    raw         text NOT NULL,
    reasons     text[] NOT NULL,
    times       integer NOT NULL DEFAULT 1,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    replayed_at timestamptz,
    CONSTRAINT rejected_events_has_reasons CHECK (cardinality(reasons) > 0)
);

COMMENT ON TABLE rejected_events IS 'The dead letters: what was no event, whole, with every reason.';
COMMENT ON COLUMN rejected_events.raw IS 'the JSON text as received, characters that PostgreSQL cannot hold escaped';
COMMENT ON COLUMN rejected_events.digest IS 'SHA-256 of raw: the same garbage sent twice is one row';
