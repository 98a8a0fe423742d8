-- The audit trail.

-- name: track_history
-- A track's timeline, oldest first, from behind the entry given.
SELECT id, audio_id, from_status, to_status, attempt, event_id, worker, error_code, error_message, at
FROM audio_track_history
WHERE audio_id = %(audio_id)s::uuid AND id > %(after_id)s
ORDER BY id
LIMIT %(limit)s;
