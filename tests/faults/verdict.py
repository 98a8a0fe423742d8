"""What must be true after a run, asked of the database."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg2.extras
from psycopg2.extensions import connection

from db.search_document import build

_INDEXED = ("title", "artist", "album", "genre", "year", "duration", "format", "audio_path")


def ask(conn: connection, sql: str, *params: Any) -> list[dict[str, Any]]:
    with conn.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        cursor.execute(sql, params)
        return [dict(row) for row in cursor.fetchall()]


def faults_found(conn: connection, event_ids: set[UUID], winners: Mapping[UUID, UUID]) -> list[str]:
    """Return everything that is wrong, a line each; nothing for a run in which nothing was lost or applied twice."""
    found: list[str] = []

    def note(what: str, rows: Sequence[Any]) -> None:
        if rows:
            found.append(f"{what}: {len(rows)}, such as {rows[:3]}")

    stored = ask(conn, "SELECT event_id, settled_at, outcome FROM audio_events")
    note("lost before the inbox", sorted(event_ids - {row["event_id"] for row in stored}))
    note("never settled", [row for row in stored if row["settled_at"] is None])
    note("rejected", [row for row in stored if row["outcome"] == "rejected"])

    tracks = ask(conn, "SELECT id, status, applied_event_id, lease_token, error_code, error_message FROM audio_tracks")
    note("not COMPLETED", [row for row in tracks if row["status"] != "COMPLETED"])
    note("a lease is left", [row for row in tracks if row["lease_token"]])
    note("missing", sorted(set(winners) - {row["id"] for row in tracks}))
    note("the newest event did not win", [row for row in tracks if winners[row["id"]] != row["applied_event_id"]])

    note(
        "applied more or less than once",
        ask(
            conn,
            """SELECT e.event_id, e.outcome, count(h.id) AS times
               FROM audio_events e LEFT JOIN audio_track_history h
                 ON h.event_id = e.event_id AND h.from_status = 'PROCESSING' AND h.to_status = 'COMPLETED'
               GROUP BY e.event_id HAVING count(h.id) <> (e.outcome = 'applied')::int""",
        ),
    )
    found += history_gaps(conn)
    found += read_model_differences(conn)
    return found


def history_gaps(conn: connection) -> list[str]:
    """Each row's ``from`` is the row before's ``to``, and the last one is what the track is."""
    gaps = ask(
        conn,
        """SELECT * FROM (
               SELECT audio_id, id, from_status, lag(to_status) OVER (PARTITION BY audio_id ORDER BY id) AS before
               FROM audio_track_history
           ) h WHERE from_status IS DISTINCT FROM before""",
    )
    ends = ask(
        conn,
        """SELECT t.id, t.status, h.to_status FROM audio_tracks t LEFT JOIN LATERAL (
               SELECT to_status FROM audio_track_history WHERE audio_id = t.id ORDER BY id DESC LIMIT 1
           ) h ON true WHERE h.to_status IS DISTINCT FROM t.status""",
    )
    return [f"a gap in the history: {len(rows)}, such as {rows[:3]}" for rows in (gaps, ends) if rows]


def read_model_differences(conn: connection) -> list[str]:
    """The read model is what a rebuild from the tracks would give."""
    columns = ", ".join(_INDEXED)
    tracks = ask(conn, f"SELECT id, {columns} FROM audio_tracks WHERE completed_at IS NOT NULL")
    documents = {row["id"]: build(row) for row in tracks}
    fresh = [
        (row["id"], documents[row["id"]].document, documents[row["id"]].title_words, documents[row["id"]].artist_words)
        for row in tracks
    ]
    with conn.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE fresh (id uuid, document text, title_words int, artist_words int) ON COMMIT DROP"
        )
        psycopg2.extras.execute_values(cursor, "INSERT INTO fresh VALUES %s", fresh)
    same = " AND ".join(f"s.{name} IS NOT DISTINCT FROM t.{name}" for name in _INDEXED)
    wrong = ask(
        conn,
        f"""SELECT t.id FROM audio_tracks t JOIN fresh f USING (id) LEFT JOIN track_search s USING (id)
            WHERE NOT coalesce(s.document = f.document::tsvector AND s.title_words = f.title_words
                               AND s.artist_words = f.artist_words AND {same}, false)
            UNION ALL SELECT id FROM track_search WHERE id NOT IN (SELECT id FROM fresh)""",
    )
    conn.rollback()
    return [f"the read model differs: {len(wrong)}, such as {wrong[:3]}"] if wrong else []
