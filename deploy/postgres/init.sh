#!/usr/bin/env bash
# Runs once, when the container makes its cluster: the three roles, with the passwords of the environment. They go
# through psql's own variables, so that no process list and no log shows them.
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --file /etc/tonearm/roles.sql
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv owner_password TONEARM_OWNER_PASSWORD
\getenv worker_password TONEARM_WORKER_PASSWORD
\getenv reader_password TONEARM_READER_PASSWORD
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
ALTER ROLE tonearm_owner PASSWORD :'owner_password';
ALTER ROLE tonearm_worker PASSWORD :'worker_password';
ALTER ROLE tonearm_reader PASSWORD :'reader_password';
SQL
