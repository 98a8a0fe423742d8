-- depends: 0003_search
-- The audit trail becomes append-only for workers: they may no longer UPDATE or DELETE it. What is long past goes through
-- this function, which runs as the tables' owner and forgets nothing of the last hour.

CREATE FUNCTION prune_track_history(first tid, last tid, before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    removed bigint;
BEGIN
    DELETE FROM audio_track_history h
    WHERE h.ctid >= first AND h.ctid < last
      AND h.at < least(before, now() - interval '1 hour')
      AND NOT EXISTS (SELECT FROM audio_tracks t WHERE t.id = h.audio_id AND t.status <> 'COMPLETED');
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;

COMMENT ON FUNCTION prune_track_history IS
    'Forgets what happened before a moment, and more than an hour ago, to tracks that are COMPLETED or gone, in the '
    'blocks from first to before last. Returns how many rows went.';

REVOKE ALL ON FUNCTION prune_track_history FROM PUBLIC;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tonearm_worker') THEN
        REVOKE UPDATE, DELETE ON audio_track_history FROM tonearm_worker;
        GRANT EXECUTE ON FUNCTION prune_track_history TO tonearm_worker;
    END IF;
END
$$;
