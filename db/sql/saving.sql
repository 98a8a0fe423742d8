-- Saving tracks through the Python API: the path of a worker's attempt, in one transaction. What follows the claim
-- is `complete` in transitions.sql.

-- name: store_and_claim
-- Begin the tracks that are new as PENDING, fail attempts whose lease ran out (nobody else may be there to do it),
-- then claim all, changing them from PENDING, FAILED or COMPLETED to PROCESSING; what is not returned is held by
-- another attempt. In key order, so that two batches cannot deadlock.
INSERT INTO audio_tracks (id)
SELECT id FROM unnest(%(ids)s::uuid[]) AS given (id) ORDER BY id
ON CONFLICT (id) DO NOTHING;
WITH lost AS MATERIALIZED (
    SELECT id FROM audio_tracks
    WHERE id = ANY(%(ids)s::uuid[]) AND status = 'PROCESSING' AND lease_expires_at < clock_timestamp()
    ORDER BY id FOR UPDATE
)
UPDATE audio_tracks t
SET status = 'FAILED', error_code = 'worker_lost',
    error_message = format('the lease of %%s ran out at %%s', coalesce(t.lease_owner, 'nobody'), t.lease_expires_at)
FROM lost
WHERE t.id = lost.id;
WITH free AS MATERIALIZED (
    SELECT id FROM audio_tracks
    WHERE id = ANY(%(ids)s::uuid[]) AND status IN %(sources)s
    ORDER BY id FOR UPDATE
)
UPDATE audio_tracks t
SET status = 'PROCESSING', lease_token = %(token)s, lease_owner = current_setting('application_name'),
    current_event_id = NULL, retry_count = 0
FROM free
WHERE t.id = free.id AND t.status IN %(sources)s
RETURNING t.id, clock_timestamp() AS claimed_at;

-- name: holders
-- Who holds these tracks, and until when.
SELECT id, lease_owner, lease_expires_at FROM audio_tracks
WHERE id = ANY(%(ids)s::uuid[]) AND status = 'PROCESSING';
