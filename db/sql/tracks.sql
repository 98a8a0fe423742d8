-- Getting and listing tracks. {column}, {direction} and {beyond} are filled in by db/read/tracks.py, from fixed lists.
-- Parameters are sent as literals, so the planner folds away "NULL IS NULL OR …" and sees only what applies.

-- name: get_by_id
-- One track.
SELECT * FROM audio_tracks WHERE id = %(audio_id)s::uuid;

-- name: get_by_ids
-- Those of the given tracks that exist, in the order in which they were asked for, each once.
SELECT t.*
FROM unnest(%(audio_ids)s::uuid[]) WITH ORDINALITY AS asked (id, place)
JOIN audio_tracks t ON t.id = asked.id
ORDER BY asked.place;

-- name: list_always_set
-- A page ordered by a column that is never null, and the exact total, from one snapshot.
WITH page AS (
    SELECT t.*
    FROM audio_tracks t
    WHERE (%(status)s::text IS NULL OR t.status = %(status)s::text)
      AND (%(after_id)s::uuid IS NULL
           OR (t.{column}, t.id) {beyond} (%(after_value)s::{type}, %(after_id)s::uuid))
    ORDER BY t.{column} {direction}, t.id {direction}
    LIMIT %(limit)s OFFSET %(offset)s
)
SELECT counted.total, page.*
FROM (
    SELECT count(*) AS total FROM audio_tracks WHERE %(status)s::text IS NULL OR status = %(status)s::text
) counted
LEFT JOIN page ON true
ORDER BY page.{column} {direction}, page.id {direction};

-- name: list_maybe_null
-- A page ordered by a column that may be null, and the exact total. Nulls come last in both directions: the tracks with
-- a value and those without are each read from the index in order (it holds the nulls by id), then put one after the other.
WITH page AS (
    (
        SELECT t.*
        FROM audio_tracks t
        WHERE t.{column} IS NOT NULL
          AND (%(status)s::text IS NULL OR t.status = %(status)s::text)
          AND (%(after_id)s::uuid IS NULL
               OR (%(after_value)s::{type} IS NOT NULL
                   AND (t.{column}, t.id) {beyond} (%(after_value)s::{type}, %(after_id)s::uuid)))
        ORDER BY t.{column} {direction}, t.id {direction}
        LIMIT %(reach)s
    )
    UNION ALL
    (
        SELECT t.*
        FROM audio_tracks t
        WHERE t.{column} IS NULL
          AND (%(status)s::text IS NULL OR t.status = %(status)s::text)
          AND (%(after_id)s::uuid IS NULL OR %(after_value)s::{type} IS NOT NULL OR t.id {beyond} %(after_id)s::uuid)
        ORDER BY t.{column} {direction}, t.id {direction}
        LIMIT %(reach)s
    )
    ORDER BY {column} {direction} NULLS LAST, id {direction}
    LIMIT %(limit)s OFFSET %(offset)s
)
SELECT counted.total, page.*
FROM (
    SELECT count(*) AS total FROM audio_tracks WHERE %(status)s::text IS NULL OR status = %(status)s::text
) counted
LEFT JOIN page ON true
ORDER BY page.{column} {direction} NULLS LAST, page.id {direction};

-- name: ids_between
-- The first few tracks whose ids lie in a range: those whose ids begin alike.
SELECT id, status, artist, title FROM audio_tracks
WHERE id BETWEEN %(first)s::uuid AND %(last)s::uuid
ORDER BY id LIMIT %(limit)s;

-- name: neighbours
-- The ids next to these in order: what an abbreviation has to tell them from.
SELECT asked.id,
       (SELECT t.id FROM audio_tracks t WHERE t.id < asked.id ORDER BY t.id DESC LIMIT 1) AS before,
       (SELECT t.id FROM audio_tracks t WHERE t.id > asked.id ORDER BY t.id LIMIT 1) AS behind
FROM unnest(%(audio_ids)s::uuid[]) AS asked (id);
