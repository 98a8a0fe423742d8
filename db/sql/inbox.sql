-- name: store_events
-- Store events in the inbox and begin the tracks they are the first of; what is known already stays as it is, and is
-- returned: next to nothing.
-- Both inserts go in key order, so that concurrent publishers of the same events cannot deadlock.
WITH event AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(events)s::json)
        AS e(event_id uuid, audio_id uuid, occurred_at timestamptz, audio_path text, payload jsonb)
), stored AS (
    INSERT INTO audio_events (event_id, audio_id, occurred_at, payload, enqueued_at)
    SELECT event_id, audio_id, occurred_at, payload, now() FROM event ORDER BY event_id
    ON CONFLICT (event_id) DO NOTHING
    RETURNING event_id
), begun AS (
    INSERT INTO audio_tracks (id, audio_path, current_event_id)
    SELECT DISTINCT ON (audio_id) audio_id, audio_path, event_id
    FROM event JOIN stored USING (event_id)
    ORDER BY audio_id, occurred_at DESC, event_id DESC
    ON CONFLICT (id) DO NOTHING
)
SELECT event_id FROM event EXCEPT SELECT event_id FROM stored;

-- name: not_enqueued
-- Note that the broker did not take these events' message: the next sweep enqueues them without a grace.
UPDATE audio_events SET enqueued_at = NULL
WHERE event_id = ANY(%(event_ids)s::uuid[]) AND settled_at IS NULL;

-- name: open_payloads
-- What was published for events that are not settled yet, oldest first, for the worker that takes them up.
SELECT payload FROM audio_events
WHERE event_id = ANY(%(event_ids)s::uuid[]) AND settled_at IS NULL
ORDER BY occurred_at, event_id;

-- name: waiting_events
-- Events that arrived for these tracks while an attempt held them.
SELECT event_id FROM audio_events
WHERE audio_id = ANY(%(audio_ids)s::uuid[]) AND settled_at IS NULL;

-- name: settle_stale
-- Settle events that came too late to change anything; the history says so.
WITH late AS (
    UPDATE audio_events SET settled_at = now(), outcome = 'stale'
    WHERE event_id = ANY(%(event_ids)s::uuid[]) AND settled_at IS NULL
    RETURNING event_id, audio_id, occurred_at
)
INSERT INTO audio_track_history
    (audio_id, from_status, to_status, attempt, event_id, worker, error_code, error_message)
SELECT t.id, t.status, t.status, 0, l.event_id, current_setting('application_name'), 'stale_event',
       format('the event of %%s is older than the one applied (%%s)', l.occurred_at, t.applied_occurred_at)
FROM late l JOIN audio_tracks t ON t.id = l.audio_id;

-- name: settle_orphans
-- Settle events whose track was deleted: there is nothing left to apply them to.
UPDATE audio_events SET settled_at = now(), outcome = 'rejected'
WHERE event_id = ANY(%(event_ids)s::uuid[]) AND settled_at IS NULL;

-- name: reject
-- Keep what could not be parsed, with the reasons; the same garbage again only counts.
INSERT INTO rejected_events (digest, raw, reasons)
SELECT sha256(convert_to(raw, 'UTF8')), raw, ARRAY(SELECT json_array_elements_text(reasons))
FROM json_to_recordset(%(items)s::json) AS r(raw text, reasons json)
ORDER BY 1
ON CONFLICT (digest) DO UPDATE SET times = rejected_events.times + 1, last_at = clock_timestamp();

-- name: elect_sweeper
-- One sweeper at a time; the lock ends with the transaction, whatever becomes of its holder.
SELECT pg_try_advisory_xact_lock(x'746f6e6561726d'::bigint + 1) AS elected;

-- name: take_due
-- Take events whose message was lost, was never sent, or whose retry is due, and note them as enqueued now.
-- `alone` marks those whose last attempt did not end well: they must not take others down with them.
WITH due AS (
    SELECT e.event_id, (t.retry_count > 0 OR t.status = 'FAILED') AND t.current_event_id = e.event_id AS alone
    FROM audio_events e JOIN audio_tracks t ON t.id = e.audio_id
    WHERE e.settled_at IS NULL
      AND (e.enqueued_at IS NULL OR e.enqueued_at < now() - make_interval(secs => %(grace)s))
      AND t.status <> 'PROCESSING'
      AND NOT (t.status = 'FAILED' AND t.current_event_id = e.event_id
               AND coalesce(t.next_attempt_at, 'infinity') > now())
    ORDER BY e.enqueued_at NULLS FIRST
    LIMIT %(limit)s
    FOR UPDATE OF e SKIP LOCKED
)
UPDATE audio_events e SET enqueued_at = now()
FROM due WHERE e.event_id = due.event_id
RETURNING e.event_id, e.payload, due.alone;
