-- name: lock_tracks_of_events
-- Lock the tracks of these events in key order. Also what makes waiting safe: an attempt that finds a track held
-- commits its inbox row before the holder, who needs this lock to settle, looks for events that wait.
SELECT id FROM audio_tracks
WHERE id = ANY(ARRAY(SELECT audio_id FROM audio_events WHERE event_id = ANY(%(event_ids)s::uuid[])))
ORDER BY id FOR UPDATE;

-- name: claim
-- Claim tracks for their newest open event, changing them from PENDING, COMPLETED or a due FAILED to PROCESSING, and
-- say for every event what it found. What holds this very token was claimed by a commit whose answer was lost.
-- Retries are counted per event: another event starts again at nought.
WITH wanted AS MATERIALIZED (
    SELECT event_id, audio_id, occurred_at, settled_at,
           row_number() OVER (
               PARTITION BY audio_id ORDER BY settled_at IS NULL DESC, occurred_at DESC, event_id DESC
           ) = 1 AS newest
    FROM audio_events WHERE event_id = ANY(%(event_ids)s::uuid[])
), claimed AS (
    UPDATE audio_tracks t
    SET status = 'PROCESSING', lease_token = %(token)s,
        lease_expires_at = now() + make_interval(secs => %(lease_seconds)s), lease_owner = %(owner)s,
        retry_count = CASE WHEN t.current_event_id = w.event_id THEN t.retry_count ELSE 0 END,
        current_event_id = w.event_id
    FROM wanted w
    WHERE t.id = w.audio_id AND w.newest AND w.settled_at IS NULL
      AND (t.applied_occurred_at IS NULL
           OR (w.occurred_at, w.event_id) > (t.applied_occurred_at, coalesce(t.applied_event_id, w.event_id)))
      AND (t.status IN ('PENDING', 'COMPLETED')
           OR (t.status = 'FAILED' AND (t.current_event_id IS DISTINCT FROM w.event_id OR t.next_attempt_at <= now())))
    RETURNING w.event_id, t.retry_count
)
SELECT w.event_id,
       coalesce(c.retry_count, CASE WHEN t.lease_token = %(token)s AND t.current_event_id = w.event_id
                                    THEN t.retry_count END) AS retry_count,
       CASE WHEN w.settled_at IS NOT NULL THEN 'duplicate'
            WHEN c.event_id IS NOT NULL THEN 'claimed'
            WHEN t.lease_token = %(token)s AND t.current_event_id = w.event_id THEN 'claimed'
            WHEN t.id IS NULL THEN 'orphan'
            WHEN (w.occurred_at, w.event_id) <= (t.applied_occurred_at, coalesce(t.applied_event_id, w.event_id)) THEN 'stale'
            ELSE 'waits' END AS verdict
FROM wanted w LEFT JOIN claimed c USING (event_id) LEFT JOIN audio_tracks t ON t.id = w.audio_id;

-- name: commit_with_the_next
-- Do not wait for the disk at this transaction's commit.
SET LOCAL synchronous_commit = off;

-- name: complete
-- Finish attempts, changing tracks from PROCESSING to COMPLETED where the lease is still theirs, and settle their
-- events. An event that is applied settles every open one older than itself. Returns those that were refused.
WITH item AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(items)s::json) AS i(
        id uuid, event_id uuid, occurred_at timestamptz, title text, artist text, album text, genre text,
        year smallint, duration double precision, channels smallint, sample_rate integer, bitrate integer, format text,
        file_size bigint, audio_path text, thumbnail_path text)
), held AS MATERIALIZED (
    SELECT t.id FROM audio_tracks t JOIN item i USING (id)
    WHERE t.status = 'PROCESSING' AND t.lease_token = %(token)s
    ORDER BY t.id FOR UPDATE OF t
), done AS (
    UPDATE audio_tracks t
    SET status = 'COMPLETED', title = i.title, artist = i.artist, album = i.album, genre = i.genre, year = i.year,
        duration = i.duration, channels = i.channels, sample_rate = i.sample_rate, bitrate = i.bitrate,
        format = i.format, file_size = i.file_size, audio_path = i.audio_path, thumbnail_path = i.thumbnail_path,
        applied_event_id = i.event_id, applied_occurred_at = i.occurred_at
    FROM held h JOIN item i USING (id)
    WHERE t.id = h.id AND t.status = 'PROCESSING' AND t.lease_token = %(token)s
    RETURNING t.id
), settled AS (
    UPDATE audio_events e
    SET settled_at = now(), outcome = CASE WHEN e.event_id = i.event_id THEN 'applied' ELSE 'stale' END
    FROM done d JOIN item i USING (id)
    WHERE e.audio_id = i.id AND e.settled_at IS NULL
      AND (e.occurred_at, e.event_id) <= (i.occurred_at, coalesce(i.event_id, e.event_id))
)
SELECT id FROM item EXCEPT SELECT id FROM done;

-- name: completed_here
-- Those of these events that this very process completed: it tries again after a commit whose answer was lost.
SELECT h.audio_id FROM audio_track_history h
JOIN json_to_recordset(%(items)s::json) AS i(audio_id uuid, event_id uuid) USING (audio_id, event_id)
WHERE h.from_status = 'PROCESSING' AND h.to_status = 'COMPLETED' AND h.worker = current_setting('application_name');

-- name: fail
-- End attempts that failed, changing tracks from PROCESSING to FAILED where the lease is still theirs. The last
-- attempt allowed, and a failure not worth repeating, is final: it settles the event.
WITH item AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(items)s::json)
        AS i(audio_id uuid, error_code text, error_message text, retry_after double precision)
), held AS MATERIALIZED (
    SELECT t.id FROM audio_tracks t JOIN item i ON i.audio_id = t.id
    WHERE t.status = 'PROCESSING' AND t.lease_token = %(token)s
    ORDER BY t.id FOR UPDATE OF t
), failed AS (
    UPDATE audio_tracks t
    SET status = 'FAILED', error_code = i.error_code, error_message = i.error_message,
        next_attempt_at = CASE WHEN t.retry_count + 1 < %(max_attempts)s
                               THEN now() + make_interval(secs => i.retry_after) END
    FROM held h JOIN item i ON i.audio_id = h.id
    WHERE t.id = h.id AND t.status = 'PROCESSING' AND t.lease_token = %(token)s
    RETURNING t.id, t.current_event_id, t.retry_count, t.next_attempt_at
), noted AS (
    UPDATE audio_events e
    SET enqueued_at = CASE WHEN f.next_attempt_at <= now() + make_interval(secs => %(in_memory)s)
                           THEN f.next_attempt_at END,
        settled_at = CASE WHEN f.next_attempt_at IS NULL THEN now() END,
        outcome = CASE WHEN f.next_attempt_at IS NULL THEN 'rejected' END
    FROM failed f WHERE e.event_id = f.current_event_id AND e.settled_at IS NULL
)
SELECT id AS audio_id, current_event_id AS event_id, retry_count, next_attempt_at FROM failed;

-- name: give_back
-- Let go of what an interrupted attempt held, changing tracks from PROCESSING to PENDING; no attempt is counted.
WITH returned AS (
    UPDATE audio_tracks SET status = 'PENDING'
    WHERE status = 'PROCESSING' AND lease_token = %(token)s
    RETURNING current_event_id
), noted AS (
    UPDATE audio_events e SET enqueued_at = NULL
    FROM returned r WHERE e.event_id = r.current_event_id AND e.settled_at IS NULL
)
SELECT count(*) AS tracks FROM returned;

-- name: give_back_all_of
-- The same for everything that the processes of one worker held, when it shuts down.
WITH returned AS (
    UPDATE audio_tracks SET status = 'PENDING'
    WHERE status = 'PROCESSING' AND starts_with(lease_owner, %(owner_prefix)s)
    RETURNING current_event_id
), noted AS (
    UPDATE audio_events e SET enqueued_at = NULL
    FROM returned r WHERE e.event_id = r.current_event_id AND e.settled_at IS NULL
)
SELECT count(*) AS tracks FROM returned;

-- name: expire_leases
-- End attempts whose lease ran out, changing tracks from PROCESSING to FAILED (worker_lost). The first retry is
-- due at once, later ones back off with full jitter. A lease that ran out while the server itself was away gets a
-- grace from its start, so that an outage costs the attempts that survived it nothing.
WITH lost AS MATERIALIZED (
    SELECT id, lease_owner, lease_expires_at FROM audio_tracks
    WHERE status = 'PROCESSING' AND lease_expires_at < now()
      AND now() > pg_postmaster_start_time() + make_interval(secs => %(restart_grace)s)
    ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), failed AS (
    UPDATE audio_tracks t
    SET status = 'FAILED', error_code = 'worker_lost',
        error_message = format('the lease of %%s ran out at %%s', coalesce(l.lease_owner, 'nobody'), l.lease_expires_at),
        next_attempt_at = CASE
            WHEN t.retry_count + 1 < %(max_attempts)s
                 AND EXISTS (SELECT FROM audio_events e WHERE e.event_id = t.current_event_id AND e.settled_at IS NULL)
            THEN now() + make_interval(secs =>
                random() * least(%(retry_cap)s, %(retry_base)s * (2 ^ least(t.retry_count, 20) - 1)))
        END
    FROM lost l WHERE t.id = l.id
    RETURNING t.id, t.current_event_id, t.next_attempt_at
), noted AS (
    UPDATE audio_events e
    SET enqueued_at = NULL,
        settled_at = CASE WHEN f.next_attempt_at IS NULL THEN now() END,
        outcome = CASE WHEN f.next_attempt_at IS NULL THEN 'rejected' END
    FROM failed f WHERE e.event_id = f.current_event_id AND e.settled_at IS NULL
)
SELECT id AS audio_id, current_event_id AS event_id, next_attempt_at FROM failed;

-- name: annotate
-- Note something in the history of tracks that is no transition. The row lock keeps the trail in order.
WITH item AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(items)s::json) AS i(audio_id uuid, event_id uuid, code text, message text)
), track AS MATERIALIZED (
    SELECT t.id, t.status, t.retry_count FROM audio_tracks t
    WHERE t.id IN (SELECT audio_id FROM item) ORDER BY t.id FOR UPDATE
)
INSERT INTO audio_track_history
    (audio_id, from_status, to_status, attempt, event_id, worker, error_code, error_message)
SELECT t.id, t.status, t.status,
       CASE WHEN t.status IN ('PROCESSING', 'COMPLETED') THEN t.retry_count + 1 ELSE t.retry_count END,
       i.event_id, current_setting('application_name'), i.code, i.message
FROM item i JOIN track t ON t.id = i.audio_id;
