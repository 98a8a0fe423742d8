-- How the whole stands, for `tonearm status` and the metrics. What is asked for at every scrape reads indexes only.

-- name: tracks_by_status
-- How many tracks are in each state, exactly; reads the whole table, about 0.1 s for each million tracks.
SELECT status, count(*) AS tracks FROM audio_tracks GROUP BY status;

-- name: tracks_not_completed
-- How many tracks are in each state that tracks do not stay in, exactly, from the index.
SELECT status, count(*) AS tracks FROM audio_tracks
WHERE status IN ('PENDING', 'PROCESSING', 'FAILED')
GROUP BY status;

-- name: tracks_estimate
-- About how many tracks there are, by PostgreSQL's own statistics: 0 where it has none yet.
SELECT greatest(
    (SELECT n_live_tup FROM pg_stat_user_tables WHERE relid = 'audio_tracks'::regclass),
    (SELECT reltuples::bigint FROM pg_class WHERE oid = 'audio_tracks'::regclass),
    0
) AS tracks;

-- name: waits_and_failures
-- What waits and for how long, what was rejected, and the last hour's failed attempts by error_code. A track that an
-- interrupted attempt gave back is old but not PENDING for long, hence the look at a thousand of the oldest.
SELECT
    (SELECT extract(epoch FROM clock_timestamp() - min(oldest.updated_at)) FROM (
        SELECT updated_at FROM audio_tracks WHERE status = 'PENDING' ORDER BY created_at, id LIMIT 1000
    ) oldest)::double precision AS oldest_pending_seconds,
    (SELECT extract(epoch FROM clock_timestamp() - min(updated_at)) FROM audio_tracks
     WHERE status = 'PROCESSING')::double precision AS oldest_lease_seconds,
    (SELECT count(*) FROM audio_events WHERE settled_at IS NULL) AS open_events,
    (SELECT count(*) FROM rejected_events WHERE replayed_at IS NULL) AS rejected,
    (SELECT coalesce(json_object_agg(failed.code, failed.times ORDER BY failed.times DESC, failed.code), '{}') FROM (
        SELECT coalesce(error_code, 'unknown') AS code, count(*) AS times
        FROM audio_track_history
        WHERE to_status = 'FAILED' AND from_status = 'PROCESSING' AND at > now() - interval '1 hour'
        GROUP BY 1
    ) failed) AS failures;
