-- All or nothing inside a transaction that belongs to somebody else.

-- name: begin
-- Where the connection is in autocommit and there is no transaction to be part of.
BEGIN;

-- name: commit
-- The end of it.
COMMIT;

-- name: rollback
-- The other end of it.
ROLLBACK;

-- name: savepoint
-- From here on it is all or nothing.
SAVEPOINT tonearm;

-- name: release
-- All: it is the caller's now, to commit or not.
RELEASE SAVEPOINT tonearm;

-- name: undo
-- Nothing: the caller's transaction is as it was.
ROLLBACK TO SAVEPOINT tonearm; RELEASE SAVEPOINT tonearm;
