-- The audit trail.

-- name: track_history
-- A track's timeline, oldest first, from behind the entry given.
SELECT id, audio_id, from_status, to_status, attempt, event_id, worker, error_code, error_message, at
FROM audio_track_history
WHERE audio_id = %(audio_id)s::uuid AND id > %(after_id)s
ORDER BY id
LIMIT %(limit)s;

-- name: under_way
-- The server's clock, and the transactions that may have written lines that nobody sees yet, with their beginnings where
-- this role may know them. Read before the lines themselves: what is not among these has shown all that it wrote.
SELECT clock_timestamp() AS moment, pg_is_in_recovery() AS is_replica,
       current_setting('transaction_isolation') AS isolation,
       (SELECT coalesce(json_object_agg(l.transactionid::text, a.xact_start), '{}')
        FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
        WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
          AND (a.datname IS NULL OR a.datname = current_database())) AS transactions;

-- name: follow
-- Lines of all tracks' histories from one moment on, until another, oldest first.
SELECT id, audio_id, from_status, to_status, attempt, event_id, worker, error_code, error_message, at
FROM audio_track_history
WHERE at >= %(low)s AND (%(high)s::timestamptz IS NULL OR at < %(high)s)
  AND (%(to)s::text[] IS NULL OR to_status = ANY(%(to)s::text[]))
  AND (%(audio_id)s::uuid IS NULL OR audio_id = %(audio_id)s::uuid)
  AND (%(error_codes)s::text[] IS NULL OR error_code = ANY(%(error_codes)s::text[]))
  AND (%(worker)s::text IS NULL OR starts_with(worker, %(worker)s))
ORDER BY at, id
LIMIT %(limit)s;

-- name: latest
-- The last lines of all tracks' histories, latest first, no older than one moment.
SELECT id, audio_id, from_status, to_status, attempt, event_id, worker, error_code, error_message, at
FROM audio_track_history
WHERE (%(low)s::timestamptz IS NULL OR at >= %(low)s)
  AND (%(to)s::text[] IS NULL OR to_status = ANY(%(to)s::text[]))
  AND (%(audio_id)s::uuid IS NULL OR audio_id = %(audio_id)s::uuid)
  AND (%(error_codes)s::text[] IS NULL OR error_code = ANY(%(error_codes)s::text[]))
  AND (%(worker)s::text IS NULL OR starts_with(worker, %(worker)s))
ORDER BY at DESC, id DESC
LIMIT %(limit)s;
