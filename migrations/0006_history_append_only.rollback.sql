DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tonearm_worker') THEN
        GRANT UPDATE, DELETE ON audio_track_history TO tonearm_worker;
    END IF;
END
$$;
DROP FUNCTION prune_track_history;
