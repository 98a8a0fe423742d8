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
WITH gone AS (
    DELETE FROM audio_events e
    WHERE e.ctid >= %(first)s::tid AND e.ctid < %(last)s::tid
      AND e.settled_at < %(before)s AND e.received_at < %(before)s
      AND NOT EXISTS (
          SELECT FROM audio_tracks t
          WHERE t.id = e.audio_id AND t.status <> 'COMPLETED' AND t.current_event_id = e.event_id
      )
    RETURNING 1
)
SELECT count(*) AS rows FROM gone;

-- name: prune_history
-- Forget what happened long ago to tracks that are COMPLETED or gone; the others keep their whole story.
SELECT prune_track_history(%(first)s::tid, %(last)s::tid, %(before)s) AS rows;
