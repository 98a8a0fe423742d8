-- depends: 0006_history_append_only
-- Who follows the history, and every scrape of the metrics, reads its end by time. Without this, what was written since
-- the last vacuum counts as the end: up to a fifth of the table. Asked for once every 32 blocks, done by autovacuum.

ALTER INDEX audio_track_history_at SET (autosummarize = on);
