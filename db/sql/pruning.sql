-- Forgetting what is long done, a range of a table's blocks at a time: each pass over a table is one, however much of
-- it goes, and no transaction is long.

-- name: events_blocks
-- How many blocks the inbox has.
SELECT pg_relation_size('audio_events') / current_setting('block_size')::integer AS blocks;

-- name: history_blocks
-- How many blocks the history has.
SELECT pg_relation_size('audio_track_history') / current_setting('block_size')::integer AS blocks;

-- name: prune_events
-- Forget events that were settled long ago; not those that `tonearm retry` would apply again.
DELETE FROM audio_events e
WHERE e.ctid >= %(first)s::tid AND e.ctid < %(last)s::tid
  AND e.settled_at < %(before)s AND e.received_at < %(before)s
  AND NOT EXISTS (
      SELECT FROM audio_tracks t
      WHERE t.id = e.audio_id AND t.status <> 'COMPLETED' AND t.current_event_id = e.event_id
  );

-- name: prune_history
-- Forget what happened long ago to tracks that are COMPLETED or gone; the others keep their whole story.
DELETE FROM audio_track_history h
WHERE h.ctid >= %(first)s::tid AND h.ctid < %(last)s::tid
  AND h.at < %(before)s
  AND NOT EXISTS (SELECT FROM audio_tracks t WHERE t.id = h.audio_id AND t.status <> 'COMPLETED');
