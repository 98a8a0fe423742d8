-- Partitions the history by month: forgetting a month is then DROP TABLE, which costs nothing. For histories of hundreds
-- of gigabytes; `tonearm prune` is enough for all others, and no longer touches the history afterwards. As a superuser, in
-- Tonearm's database, once, and then every month by cron, which makes the partitions of the coming year:
--
--     psql --set ON_ERROR_STOP=1 --dbname tonearm --file deploy/postgres/history_by_month.sql
--
-- What there is stays where it is, as the partition audio_track_history_before; nothing is copied. The table is locked for
-- the moment of the exchange only. A month is forgotten by: DROP TABLE audio_track_history_2026_11;
-- It goes whole, what happened to tracks that are not COMPLETED included.

SET lock_timeout = '5s';
SELECT relkind = 'r' AS whole, date_trunc('month', now()) + interval '1 month' AS next
FROM pg_class WHERE oid = 'audio_track_history'::regclass \gset

\if :whole
-- Beforehand, while everybody works: the proof of what the old part holds, and an index as the partitioned table's.
ALTER TABLE audio_track_history ADD CONSTRAINT audio_track_history_before CHECK (at < :'next') NOT VALID;
ALTER TABLE audio_track_history VALIDATE CONSTRAINT audio_track_history_before;
CREATE INDEX CONCURRENTLY audio_track_history_before_track ON audio_track_history (audio_id, id);

BEGIN;
LOCK TABLE audio_track_history IN ACCESS EXCLUSIVE MODE;
SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('audio_track_history', 'id')::regclass), 0) + 1 AS id \gset
ALTER TABLE audio_track_history ALTER id DROP IDENTITY;
ALTER TABLE audio_track_history RENAME TO audio_track_history_before;
ALTER INDEX audio_track_history_failures RENAME TO audio_track_history_before_failures;
ALTER INDEX audio_track_history_at RENAME TO audio_track_history_before_at;
CREATE TABLE audio_track_history (LIKE audio_track_history_before INCLUDING DEFAULTS INCLUDING COMMENTS) PARTITION BY RANGE (at);
ALTER TABLE audio_track_history ALTER id ADD GENERATED ALWAYS AS IDENTITY (START :id);
ALTER TABLE audio_track_history ATTACH PARTITION audio_track_history_before FOR VALUES FROM (MINVALUE) TO (:'next');
ALTER TABLE audio_track_history_before DROP CONSTRAINT audio_track_history_before;
CREATE INDEX audio_track_history_track ON audio_track_history (audio_id, id);
CREATE INDEX audio_track_history_failures ON audio_track_history (at) WHERE to_status = 'FAILED';
CREATE INDEX audio_track_history_at ON audio_track_history USING brin (at) WITH (pages_per_range = 32, autosummarize = on);
-- Should the cron job ever stop, nothing is refused: what has no month of its own goes here.
CREATE TABLE audio_track_history_other PARTITION OF audio_track_history DEFAULT;
COMMIT;
ALTER TABLE audio_track_history_before DROP CONSTRAINT audio_track_history_pkey;
\endif

SELECT format('CREATE TABLE IF NOT EXISTS audio_track_history_%s PARTITION OF audio_track_history FOR VALUES FROM (%L) TO (%L)',
              to_char(month, 'YYYY_MM'), month, month + interval '1 month')
FROM generate_series(date_trunc('month', now()) + interval '1 month', now() + interval '1 year', interval '1 month') AS month
\gexec

\ir roles.sql
