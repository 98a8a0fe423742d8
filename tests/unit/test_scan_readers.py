"""Reader processes: one that crashes or hangs costs the file that it was at, and nothing else."""

import os
import signal

import pytest

from db.errors import MusicLibraryError
from tests import audio
from worker.scan import child
from worker.scan.readers import Job, Readers

MANY = 60


@pytest.fixture
def jobs(tmp_path):
    made = []
    for number in range(MANY):
        path = tmp_path / f"{number:03}.mp3"
        path.write_bytes(audio.mp3(str(number).encode(), TIT2=f"Title {number}"))
        made.append(Job(path, path.stat().st_size, None))
    return made


def titles(answers):
    return [answer["metadata"]["title"] for _, answer in answers if "metadata" in answer]


def reasons(answers):
    return [answer["reason"] for _, answer in answers if "reason" in answer]


def struck(readers, jobs, *signals):
    """Yield jobs; strike the reader just before it gets the second."""
    for number, job in enumerate(jobs):
        if number == 1:
            while not readers._readers[0].ready:
                readers._wait()
            for each in signals:
                os.kill(readers._readers[0].process.pid, each)
        yield job


def read(readers, jobs):
    return [answered for answered in readers.read(jobs) if answered]


def test_answers_come_in_the_order_of_the_jobs(jobs):
    with Readers(3) as readers:
        assert titles(read(readers, jobs)) == [f"Title {number}" for number in range(MANY)]


def test_a_reader_that_crashes_is_replaced_and_its_file_says_so(jobs, monkeypatch):
    monkeypatch.setattr("worker.scan.readers._AHEAD_BYTES", 1)
    with Readers(1) as readers:
        answers = read(readers, struck(readers, jobs, signal.SIGKILL))
    assert answers[1][1] == {"reason": "reading it crashed the reader (SIGKILL)"}
    assert titles(answers) == [f"Title {number}" for number in range(MANY) if number != 1]


@pytest.mark.parametrize(
    ("blow", "reason"),
    [(signal.SIGKILL, "reading it crashed the reader (SIGKILL)"), (signal.SIGSTOP, "reading it took more than 1 s")],
)
def test_the_files_that_wait_behind_one_that_is_stuck_are_read_by_another_reader(jobs, blow, reason):
    with Readers(1, time_limit=1.0) as readers:
        answers = read(readers, struck(readers, jobs, signal.SIGSTOP, blow))
    assert reasons(answers) == [reason]
    assert len(titles(answers)) == MANY - 1


def test_no_reader_is_left_when_the_reading_is_given_up(jobs):
    with Readers(2) as readers:
        next(iter(readers.read(jobs)))
        processes = [reader.process for reader in readers._readers]
    assert all(process.returncode is not None for process in processes)


def test_readers_that_cannot_start_are_no_fault_of_the_files(jobs, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with Readers(1) as readers, pytest.raises(MusicLibraryError, match="cannot start"):
        read(readers, jobs)


def test_what_became_of_a_file_between_finding_and_reading_it_is_said(tmp_path):
    (tmp_path / "pipe.mp3").touch()
    jobs = [Job(tmp_path / name, 10, None) for name in ("gone.mp3", "empty.mp3", "pipe.mp3", "directory.mp3")]
    (tmp_path / "empty.mp3").touch()
    (tmp_path / "pipe.mp3").unlink()
    os.mkfifo(tmp_path / "pipe.mp3")
    (tmp_path / "directory.mp3").mkdir()
    with Readers(1, time_limit=5.0) as readers:
        assert reasons(read(readers, jobs)) == [
            "it is gone: somebody moved or removed it meanwhile",
            "it is empty (0 bytes)",
            "it is no regular file",
            "is a directory",
        ]


def test_a_file_that_grows_while_it_is_read_is_left_for_the_next_scan(tmp_path, monkeypatch):
    path = tmp_path / "a.mp3"
    path.write_bytes(audio.mp3())
    whole = child.digests

    def grow(file, size):
        with path.open("ab") as more:
            more.write(b"more")
        return whole(file, size)

    monkeypatch.setattr(child, "digests", grow)
    assert "changed while it was read" in child.answer({"path": str(path), "thumbnails": None})["reason"]


def test_times_prove_nothing_of_a_file_that_was_changed_just_now(tmp_path, monkeypatch):
    path = tmp_path / "a.mp3"
    path.write_bytes(audio.mp3())
    job = {"path": str(path), "thumbnails": None}
    assert child.answer(job)["stamp"] is None
    monkeypatch.setattr(child, "_RACY_NS", -1)
    assert child.answer(job)["stamp"] == child.stamp(path.stat())
