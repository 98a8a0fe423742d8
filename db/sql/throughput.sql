-- What happened between two moments, for the metrics: each statement reads the end of one index.

-- name: moment
-- The server's clock, some seconds ago: transactions that ended before have shown what they did.
SELECT clock_timestamp() - make_interval(secs => %(lag)s) AS moment;

-- name: completed_between
-- Tracks that were completed, by how long their event had waited (the bucket it falls in; null for those that came
-- without an event). A track that was completed twice in between counts once.
SELECT width_bucket(seconds, %(bounds)s::double precision[]) AS bucket, count(*) AS tracks,
       coalesce(sum(seconds), 0)::double precision AS seconds
FROM (
    SELECT greatest(0, extract(epoch FROM t.completed_at - e.received_at))::double precision AS seconds
    FROM audio_tracks t LEFT JOIN audio_events e ON e.event_id = t.applied_event_id
    WHERE t.updated_at > %(since)s AND t.updated_at <= %(until)s AND t.status = 'COMPLETED'
) completed
GROUP BY 1;

-- name: failed_between
-- Attempts that failed, by error_code.
SELECT coalesce(error_code, 'unknown') AS code, count(*) AS attempts
FROM audio_track_history
WHERE at > %(since)s AND at <= %(until)s AND to_status = 'FAILED' AND from_status = 'PROCESSING'
GROUP BY 1;

-- name: connections
-- The database's connections by what they do, as far as this role may see, and how many the server allows.
SELECT coalesce(state, 'unknown') AS state, count(*) AS connections,
       current_setting('max_connections')::integer AS allowed
FROM pg_stat_activity
WHERE datname = current_database()
GROUP BY 1;

-- name: read_model_lag
-- For how long (seconds) a track among the thousand completed last has not been findable: 0 unless something is broken,
-- for the read model is written in the transaction that completes the track.
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(missing.completed_at)), 0)::double precision AS seconds
FROM (
    SELECT t.id, t.completed_at
    FROM audio_tracks t
    WHERE t.status = 'COMPLETED'
    ORDER BY t.updated_at DESC, t.id DESC
    LIMIT 1000
) missing
WHERE NOT EXISTS (SELECT FROM track_search s WHERE s.id = missing.id);

-- name: replica_lag
-- How far (seconds) a replica is behind: 0 where it has applied all it received; null where this is no replica.
SELECT CASE
    WHEN NOT pg_is_in_recovery() THEN NULL
    WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
    ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
END::double precision AS seconds;
