-- name: set_status
-- Change tracks to the states given, from the states that allow it, where the lease token, if one is given, is the
-- track's current one. Says for each item what it found; `id` is null where nothing was changed. A failure without a
-- retry settles its event, as the worker's does.
WITH item AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(items)s::json)
        AS i(place integer, audio_id uuid, status text, error_code text, error_message text, lease_token uuid)
), held AS MATERIALIZED (
    SELECT t.id, t.status, t.lease_token, t.title IS NOT NULL AND t.audio_path IS NOT NULL AS whole
    FROM audio_tracks t JOIN item i ON i.audio_id = t.id
    ORDER BY t.id FOR UPDATE OF t
), changed AS (
    UPDATE audio_tracks t
    SET status = i.status,
        lease_owner = CASE WHEN i.status = 'PROCESSING' THEN current_setting('application_name') END,
        error_code = CASE WHEN i.status = 'FAILED' THEN i.error_code ELSE t.error_code END,
        error_message = CASE WHEN i.status = 'FAILED' THEN i.error_message ELSE t.error_message END
    FROM held h JOIN item i ON i.audio_id = h.id
    WHERE t.id = h.id
      AND (t.status, i.status) IN %(transitions)s
      AND (i.lease_token IS NULL OR i.lease_token = t.lease_token)
      AND (i.status <> 'COMPLETED' OR h.whole)
    RETURNING t.*
), noted AS (
    UPDATE audio_events e
    SET enqueued_at = NULL,
        settled_at = CASE WHEN c.status = 'FAILED' THEN now() END,
        outcome = CASE WHEN c.status = 'FAILED' THEN 'rejected' END
    FROM changed c
    WHERE e.event_id = c.current_event_id AND e.settled_at IS NULL AND c.status IN ('FAILED', 'PENDING')
)
SELECT i.place, h.status AS was, h.lease_token AS held_under, h.whole, c.*
FROM item i LEFT JOIN held h ON h.id = i.audio_id LEFT JOIN changed c ON c.id = i.audio_id
ORDER BY i.place;
