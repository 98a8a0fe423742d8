-- name: lock_migrations
-- One migrator at a time; held by the session, so that a killed migrator leaves no lock behind.
SELECT pg_advisory_lock(%(key)s);

-- name: migrations_table
-- Whether any migration was ever applied here.
SELECT to_regclass('_yoyo_migration') IS NOT NULL AS exists;

-- name: applied_migrations
-- The ids of the migrations that are applied.
SELECT migration_id FROM _yoyo_migration;
