-- name: retryable
-- FAILED tracks that somebody may want to retry, the longest waiting first: those asked for, or all, or all of a code.
SELECT id FROM audio_tracks
WHERE status = 'FAILED' AND next_attempt_at IS NULL
  AND (%(error_code)s::text IS NULL OR error_code = %(error_code)s)
ORDER BY updated_at, id LIMIT %(limit)s;

-- name: lock_tracks
-- What retrying would find, the tracks locked in key order.
SELECT t.id, t.status, t.next_attempt_at, t.retry_count, t.error_code,
       EXISTS (SELECT FROM audio_events e WHERE e.event_id = t.current_event_id AND e.outcome IS DISTINCT FROM 'applied')
           AS has_event
FROM audio_tracks t WHERE t.id = ANY(%(audio_ids)s::uuid[]) ORDER BY t.id FOR UPDATE;

-- name: retry
-- Make FAILED tracks due again with all their attempts, open their events for the sweeper, and note who asked.
WITH again AS (
    UPDATE audio_tracks SET retry_count = 0, next_attempt_at = now()
    WHERE id = ANY(%(audio_ids)s::uuid[]) AND status = 'FAILED'
    RETURNING id, current_event_id
), opened AS (
    UPDATE audio_events e SET settled_at = NULL, outcome = NULL, enqueued_at = NULL
    FROM again a WHERE e.event_id = a.current_event_id
)
INSERT INTO audio_track_history
    (audio_id, from_status, to_status, attempt, event_id, worker, error_code, error_message)
SELECT id, 'FAILED', 'FAILED', 0, current_event_id, current_setting('application_name'), 'retry_requested',
       'asked for by ' || %(actor)s
FROM again;

-- name: list_rejected
-- The dead letters, the latest first.
SELECT id, raw, reasons, times, received_at, last_at, replayed_at FROM rejected_events
WHERE (%(all)s OR replayed_at IS NULL) AND (%(before)s::bigint IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(limit)s;

-- name: get_rejected
-- Some dead letters by their numbers.
SELECT id, raw, reasons, times, received_at, last_at, replayed_at FROM rejected_events
WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id;

-- name: mark_replayed
-- Note that dead letters were accepted when they were published again.
UPDATE rejected_events SET replayed_at = clock_timestamp() WHERE id = ANY(%(ids)s::bigint[]);

-- name: where_events_are
-- What has become of events: in the words of `tonearm reconcile`.
SELECT e.event_id AS id,
       CASE WHEN e.outcome IN ('applied', 'stale') THEN 'completed'
            WHEN e.outcome = 'rejected' THEN 'failed'
            ELSE 'under_way' END AS found
FROM audio_events e WHERE e.event_id = ANY(%(ids)s::uuid[]);

-- name: where_tracks_are
-- What has become of tracks: in the words of `tonearm reconcile`.
SELECT id,
       CASE WHEN status = 'COMPLETED' THEN 'completed'
            WHEN status = 'FAILED' AND next_attempt_at IS NULL THEN 'failed'
            ELSE 'under_way' END AS found
FROM audio_tracks WHERE id = ANY(%(ids)s::uuid[]);

-- name: among_rejected
-- Which of these ids occur in a dead letter.
SELECT wanted.id FROM unnest(%(ids)s::text[]) AS wanted (id)
WHERE EXISTS (SELECT FROM rejected_events r WHERE position(wanted.id IN r.raw) > 0);
