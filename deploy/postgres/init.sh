#!/usr/bin/env bash
# Makes the three roles, with the passwords of /run/secrets. Runs once by itself, when the container makes its cluster,
# and again by hand to change the passwords. They go through psql's own variables, so that no process list and no log
# shows them.
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --file /etc/tonearm/roles.sql
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\set owner_password `cat /run/secrets/tonearm_owner_password`
\set worker_password `cat /run/secrets/tonearm_worker_password`
\set reader_password `cat /run/secrets/tonearm_reader_password`
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
ALTER ROLE tonearm_owner PASSWORD :'owner_password';
ALTER ROLE tonearm_worker PASSWORD :'worker_password';
ALTER ROLE tonearm_reader PASSWORD :'reader_password';
SQL
