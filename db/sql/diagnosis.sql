-- What `tonearm doctor` asks the database.

-- name: server
-- What the server is and how it was set up.
SELECT current_setting('server_version_num')::integer AS version, current_setting('server_version') AS shown,
       pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS locale,
       current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('max_connections')::integer AS max_connections,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser, current_user AS role,
       pg_is_in_recovery() AS replica
FROM pg_database d WHERE d.datname = current_database();

-- name: extensions
-- The extensions that are installed in this database.
SELECT extname AS name FROM pg_extension;

-- name: indexes
-- Every index of this schema, and whether queries may use it: one whose CREATE INDEX CONCURRENTLY failed may not.
SELECT c.relname AS name, i.indisvalid AND i.indisready AS valid
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = current_schema()::regnamespace;
