-- name: searchable
-- What the read model holds of a track, if anything.
SELECT folding_version, indexed_at, title, artist FROM track_search WHERE id = %(audio_id)s;
