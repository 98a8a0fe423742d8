-- name: begin
-- The moment that a scan begins, by the clock that its rows are stamped with.
SELECT clock_timestamp() AS started;

-- name: by_path
-- What was last seen at these paths, whether it was in the scan that began then, and whether its track still exists.
SELECT s.path, s.audio_id, s.audio, s.content, s.is_copy, s.stamp, s.looked, s.thumbnail, s.event_id,
       s.seen_at >= %(started)s AS fresh, t.id IS NOT NULL AS tracked
FROM unnest(%(paths)s::text[]) AS asked (path)
CROSS JOIN LATERAL (SELECT * FROM scanned_files f WHERE f.path = asked.path) s
LEFT JOIN LATERAL (SELECT id FROM audio_tracks WHERE id = s.audio_id) t ON true;

-- name: related
-- What was last seen at these paths, and the files that have this audio or stand for these tracks, some more than once;
-- one statement, so that another scan's notes are either in all of it or in nothing.
WITH related AS (
    SELECT f.* FROM unnest(%(paths)s::text[]) AS asked (path)
    CROSS JOIN LATERAL (SELECT * FROM scanned_files s WHERE s.path = asked.path) f
    UNION ALL
    SELECT f.* FROM unnest(%(audio)s::bytea[]) AS asked (audio)
    CROSS JOIN LATERAL (SELECT * FROM scanned_files s WHERE s.audio = asked.audio AND NOT s.is_copy) f
    UNION ALL
    SELECT f.* FROM unnest(%(audio_ids)s::uuid[]) AS asked (audio_id)
    CROSS JOIN LATERAL (SELECT * FROM scanned_files s WHERE s.audio_id = asked.audio_id AND NOT s.is_copy) f
)
SELECT s.path, s.audio_id, s.audio, s.content, s.is_copy, s.stamp, s.looked, s.thumbnail, s.event_id,
       s.seen_at >= %(started)s AS fresh, t.id IS NOT NULL AS tracked
FROM related s
LEFT JOIN LATERAL (SELECT id FROM audio_tracks WHERE id = s.audio_id) t ON true
ORDER BY s.path;

-- name: note
-- Note what was seen at these paths, in the order of the key, so that two scans at once cannot deadlock.
INSERT INTO scanned_files (path, audio_id, audio, content, is_copy, stamp, looked, thumbnail, event_id)
SELECT path, audio_id, decode(audio, 'hex'), decode(content, 'hex'), is_copy, stamp, looked, thumbnail, event_id
FROM json_to_recordset(%(rows)s::json)
    AS r(path text, audio_id uuid, audio text, content text, is_copy boolean, stamp text, looked boolean,
         thumbnail text, event_id uuid)
ORDER BY path COLLATE "C"
ON CONFLICT (path) DO UPDATE
SET audio_id = excluded.audio_id, audio = excluded.audio, content = excluded.content, is_copy = excluded.is_copy,
    stamp = excluded.stamp, looked = excluded.looked, thumbnail = excluded.thumbnail, event_id = excluded.event_id,
    seen_at = clock_timestamp();

-- name: forget
-- Forget paths whose files are elsewhere now.
DELETE FROM scanned_files WHERE path = ANY(%(paths)s);

-- name: still_there
-- Note that these files are as they were.
UPDATE scanned_files SET seen_at = clock_timestamp() WHERE path = ANY(%(paths)s);

-- name: not_seen
-- The next files below a directory that this scan has not come by, after a path.
SELECT path, is_copy FROM scanned_files
WHERE path > %(after)s AND path < %(below)s AND seen_at < %(started)s
ORDER BY path LIMIT %(limit)s;
