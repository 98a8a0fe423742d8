"""The command line as people use it: completion, colours, pipes, widths, short ids, watching."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from rich.cells import cell_len

from db.write.tracks import save_audio_metadata
from tests.programs import Programs
from tests.terminal import on_a_terminal

SCRIPT = Path(sys.executable).with_name("tonearm")
TONEARM = [sys.executable, "-m", "worker.cli"]
LONG = "東京は夜の七時 " * 30


@pytest.fixture
def programs(database_url, broker_url, tmp_path):
    ours = Programs(DATABASE_URL=database_url, BROKER_URL=broker_url, TONEARM_HOME=str(tmp_path))
    for name in ("COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS"):
        ours.environment.pop(name, None)
    return ours


def save(conn, audio_id=None, *, title="Halo", artist="Beyoncé"):
    track = save_audio_metadata(
        conn, audio_id or str(uuid4()), {"title": title, "artist": artist, "year": 2008}, "s3://b/a.mp3"
    )
    conn.commit()
    return str(track.id)


def fail(conn, audio_id):
    with conn.cursor() as cursor:
        cursor.execute("INSERT INTO audio_tracks (id) VALUES (%s)", (audio_id,))
        cursor.execute("UPDATE audio_tracks SET status = 'PROCESSING' WHERE id = %s", (audio_id,))
        cursor.execute("UPDATE audio_tracks SET status = 'FAILED', error_code = 'boom' WHERE id = %s", (audio_id,))
    conn.commit()


# -- completion -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shells_completion_script_comes_out(shell, programs):
    done = subprocess.run(
        [SCRIPT], env=programs.environment | {"_TONEARM_COMPLETE": f"source_{shell}"}, capture_output=True, check=True
    )
    script = done.stdout.decode()
    assert "_TONEARM_COMPLETE" in script
    assert {"bash": "COMPREPLY", "zsh": "#compdef tonearm", "fish": "complete --command tonearm"}[shell] in script


ASKED = {
    "tonearm sea": "search",
    "tonearm rejected re": "replay",
    "tonearm list --stat": "--status",
    "tonearm list --status COMP": "COMPLETED",
}
BEFORE = {
    "bash": """
        eval "$(tonearm --show-completion)"
        function="$(complete -p tonearm | sed -E 's/.*-F ([^ ]+).*/\\1/')"
    """,
    "zsh": "",
    "fish": "tonearm --show-completion | source\n",
}
EACH = {
    "bash": """
        COMP_WORDS=({words}) COMP_CWORD={last}
        "$function" tonearm; echo "${{COMPREPLY[@]}}"
    """,
    "zsh": """_TYPER_COMPLETE_ARGS="{words}" _TONEARM_COMPLETE=complete_zsh tonearm | tr '\\n' ' '; echo\n""",
    "fish": """echo (complete --do-complete "{words}")\n""",
}


@pytest.mark.parametrize("shell", [shell for shell in EACH if shutil.which(shell)])
def test_pressing_tab_completes(shell, programs):
    path = f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"
    script = BEFORE[shell] + "".join(EACH[shell].format(words=words, last=len(words.split()) - 1) for words in ASKED)
    done = subprocess.run(
        [shutil.which(shell), "-c", script],
        env=programs.environment | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    answers = [re.split(r"[\s\"':]+", line) for line in done.stdout.splitlines()]
    assert len(answers) == len(ASKED), done
    for words, answer in zip(ASKED, answers, strict=True):
        assert ASKED[words] in answer, (words, done)


# -- colours, pipes, widths -------------------------------------------------------------------------------------------


def test_colours_are_for_terminals_and_not_for_those_who_want_none(programs, conn):
    save(conn)
    coloured = "\x1b[32mCOMPLETED"
    with on_a_terminal([*TONEARM, "list"], programs.environment) as terminal:
        assert terminal.ended() == 0
        assert coloured in terminal.shown
    with on_a_terminal([*TONEARM, "list"], programs.environment | {"NO_COLOR": "1"}) as terminal:
        assert terminal.ended() == 0
        assert "COMPLETED" in terminal.shown
        assert not re.search(r"\x1b\[[0-9;]*3\d", terminal.shown)
    assert "\x1b" not in programs.tonearm("list").out
    assert "\x1b" not in programs.tonearm("list", "--help").out


@pytest.mark.parametrize(
    "command", [["list", "--limit", "1000"], ["list", "--json"], ["--help"], ["tail", "--json"], ["status", "--watch"]]
)
def test_a_pipe_that_is_closed_ends_the_command_quietly_and_with_0(command, programs, conn):
    for _ in range(30):
        save_audio_metadata(conn, str(uuid4()), {"title": LONG}, "s3://b/a.mp3")
    conn.commit()
    with subprocess.Popen(
        [*TONEARM, *command, *(["--interval", "0.1"] if command[0] in {"tail", "status"} else [])],
        env=programs.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout.read(1)
        process.stdout.close()
        save(conn)  # something to say, for those who go on
        said = process.stderr.read().decode()
        assert (process.wait(20), said) == (0, "")


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_tables_fit_the_width_and_a_track_is_one_line(columns, programs, conn):
    ids = [save(conn, title=LONG, artist=LONG), save(conn, title="x" * 400), save(conn)]
    for command in (["list"], ["search", "東京"], ["status"])[: 1 if columns > 40 else 3]:
        shown = programs.tonearm(*command, COLUMNS=str(columns)).out.splitlines()
        assert max(map(cell_len, shown)) <= columns
        if command == ["list"]:
            assert len(shown) == len(ids) + 2  # a head, a line for each, how many there are
            assert {line[:8] for line in shown[1:-1]} == {audio_id[:8] for audio_id in ids}
            assert sum("…" in line for line in shown) == (
                2 if columns < 200 else 1 + (max(map(cell_len, shown)) == 200)
            )
    timeline = programs.tonearm("show", ids[0], COLUMNS=str(columns)).out.partition("\n\n")[2].splitlines()
    assert timeline
    assert max(map(cell_len, timeline)) <= columns


def test_into_a_pipe_names_are_not_cut_to_80_columns(programs, conn):
    title = "A title that is longer than what a terminal of eighty columns would leave for it, by some words"
    save(conn, title=title)
    assert title in programs.tonearm("list").out


# -- ids --------------------------------------------------------------------------------------------------------------

ALIKE = ("5d098d5b-adcd-5b71-925a-9eedf497a0f4", "5d098d5b-adcd-5b71-935a-000000000000")


def test_a_track_is_shown_by_any_beginning_that_only_it_has(programs, conn):
    save(conn, ALIKE[0], title="Halo")
    save(conn, ALIKE[1], title="Jóga")
    other = save(conn, "5d0f0000-0000-4000-8000-000000000000")
    for text in ("5d0f", "5D0F-0000", "5d0f00000000", other):
        assert programs.tonearm("show", text, "--json").json()["track"]["id"] == other
    assert programs.tonearm("show", "5d098d5b-adcd-5b71-92", "--json").json()["track"]["id"] == ALIKE[0]
    several = programs.tonearm("show", "5d09")
    assert several.code == 2
    assert several.err.count("\n") == 1
    assert f"{ALIKE[0]} (Beyoncé – Halo), {ALIKE[1]} (Beyoncé – Jóga)" in several.err
    assert programs.tonearm("show", "5d0").code == 2
    assert programs.tonearm("show", "nonsense").code == 2
    none = programs.tonearm("show", "abcd")
    assert (none.code, "no track abcd" in none.err) == (1, True)


def test_listings_show_ids_long_enough_to_be_typed_again(programs, conn):
    for audio_id in ALIKE:
        save(conn, audio_id, artist="Beyonce")
    for command in ("list", "search beyonce"):
        lines = programs.tonearm(*command.split()).out.splitlines()
        shown = {line.split()[0] for line in lines if line.startswith("5d09")}
        assert shown == {"5d098d5b-adcd-5b71-92", "5d098d5b-adcd-5b71-93"}
        for short in shown:
            assert programs.tonearm("show", short).code == 0
    assert {track["id"] for track in programs.tonearm("list", "--json").json()["tracks"]} == set(ALIKE)


def test_tracks_are_retried_by_the_beginnings_of_their_ids(programs, conn):
    fail(conn, ALIKE[0])
    fail(conn, "77770000-0000-4000-8000-000000000000")
    answered = programs.tonearm("retry", "5d09", "abcd", str(UUID(int=1)), "--dry-run", "--json")
    assert answered.code == 1
    assert {one["audio_id"]: one["answer"] for one in answered.json()["tracks"]} == {
        ALIKE[0]: "no_event",  # it was made by hand
        "abcd": "not_found",
        str(UUID(int=1)): "not_found",
    }
    fail(conn, ALIKE[1])
    several = programs.tonearm("retry", "7777", "5d09")
    assert (several.code, ALIKE[1] in several.err) == (2, True)


# -- status --watch ---------------------------------------------------------------------------------------------------


def test_watching_refreshes_in_place_until_ctrl_c(programs, conn, wait_until):
    with on_a_terminal([*TONEARM, "status", "--watch", "--interval", "0.2"], programs.environment) as terminal:
        wait_until(lambda: re.search(r"COMPLETED\x1b\[0m +0\r", terminal.read()), timeout=20)
        save(conn)
        wait_until(lambda: re.search(r"COMPLETED\x1b\[0m +1\r", terminal.read()), timeout=20)
        assert "\x1b[1A\x1b[2K" in terminal.shown  # up a line, and clear it
        terminal.press("\x03")
        assert terminal.ended() == 0
        assert "Traceback" not in terminal.shown
        assert "Aborted" not in terminal.shown


def test_watching_into_a_pipe_prints_a_block_each_time_and_survives_an_outage(
    postgres_server, broker_url, tmp_path, wait_until
):
    programs = Programs(DATABASE_URL=postgres_server.url, BROKER_URL=broker_url, TONEARM_HOME=str(tmp_path))
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("wb") as output, err.open("wb") as errors:
        process = subprocess.Popen(
            [*TONEARM, "status", "--watch", "--json", "--interval", "0.1"],
            env=programs.environment,
            stdout=output,
            stderr=errors,
        )
        try:
            wait_until(lambda: len(out.read_text().splitlines()) > 2, timeout=20)
            postgres_server.stop()
            wait_until(lambda: "cannot tell" in err.read_text(), timeout=20)
            postgres_server.start()
            before = len(out.read_text().splitlines())
            wait_until(lambda: len(out.read_text().splitlines()) > before, timeout=20)
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert all(set(json.loads(line)["tracks"].values()) == {0} for line in out.read_text().splitlines())
    assert "Traceback" not in err.read_text()
