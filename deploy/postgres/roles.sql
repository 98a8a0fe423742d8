-- Three roles, each with what it needs and no more. Run in Tonearm's database, as a superuser, before or after the
-- first migration; running it again changes nothing:
--
--     psql --set ON_ERROR_STOP=1 --dbname tonearm --file deploy/postgres/roles.sql
--
-- tonearm_owner   owns the tables and runs the migrations; nothing that serves runs as it
-- tonearm_worker  reads and writes rows: workers, publishers, the sweeper; cannot drop, truncate or alter, and cannot
--                 change or remove a line of the history
-- tonearm_reader  only selects: search services, dashboards
--
-- Passwords are not set here. Set them with psql's \password, which sends only a hash.

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['tonearm_owner', 'tonearm_worker', 'tonearm_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role);
        END IF;
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO tonearm_worker, tonearm_reader', current_database());
    -- CREATE on the database is what the migrations' CREATE EXTENSION needs.
    EXECUTE format('GRANT CONNECT, CREATE, TEMPORARY ON DATABASE %I TO tonearm_owner', current_database());
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO tonearm_owner;
GRANT USAGE ON SCHEMA public TO tonearm_worker, tonearm_reader;

-- What there is already (tables that another role made are handed to the owner) …
DO $$
DECLARE
    thing record;
BEGIN
    FOR thing IN
        SELECT c.oid::regclass AS name, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
          AND pg_get_userbyid(c.relowner) <> 'tonearm_owner'
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO tonearm_owner', thing.kind, thing.name);
    END LOOP;
    FOR thing IN
        SELECT p.oid::regprocedure AS name
        FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND pg_get_userbyid(p.proowner) <> 'tonearm_owner'
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE format('ALTER ROUTINE %s OWNER TO tonearm_owner', thing.name);
    END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO tonearm_worker;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO tonearm_worker;
-- The audit trail, with its partitions, is append-only for workers: what is long past goes through a function of the
-- owner's.
DO $$
DECLARE
    part regclass;
BEGIN
    IF to_regprocedure('prune_track_history(tid, tid, timestamptz)') IS NOT NULL THEN
        FOR part IN
            SELECT to_regclass('audio_track_history') UNION SELECT relid FROM pg_partition_tree('audio_track_history')
        LOOP
            EXECUTE format('REVOKE UPDATE, DELETE ON %s FROM tonearm_worker', part);
        END LOOP;
        GRANT EXECUTE ON FUNCTION prune_track_history TO tonearm_worker;
    END IF;
END
$$;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO tonearm_reader;

-- … and what migrations will make.
ALTER DEFAULT PRIVILEGES FOR ROLE tonearm_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tonearm_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE tonearm_owner IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO tonearm_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE tonearm_owner IN SCHEMA public GRANT SELECT ON TABLES TO tonearm_reader;
