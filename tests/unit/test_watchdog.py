"""The watchdog on real sockets: it shuts those that stay silent, when their time is over, and no others."""

import socket
import threading
import time
from contextlib import ExitStack, closing

import pytest

from db.watchdog import Watchdog

PATIENCE = 0.2


@pytest.fixture
def watchdog():
    with closing(Watchdog(PATIENCE)) as made:
        yield made


@pytest.fixture
def pair():
    with ExitStack() as opened:
        ours, theirs = (opened.enter_context(end) for end in socket.socketpair())
        ours.settimeout(10)
        yield ours, theirs


def hung_up(end):
    """Whether the other end has been shut."""
    end.settimeout(0)
    try:
        return end.recv(1) == b""
    except BlockingIOError:
        return False


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "database-watchdog"]


def test_a_server_that_stays_silent_is_hung_up_on_after_its_patience_and_not_before(watchdog, pair):
    ours, theirs = pair
    began = time.monotonic()
    with watchdog.watching(ours.fileno()):
        assert ours.recv(1) == b""  # what waits is woken: the line is dead
    assert PATIENCE <= time.monotonic() - began < 5
    assert hung_up(theirs)


def test_who_is_answered_in_time_is_left_alone(watchdog, pair, wait_until):
    ours, theirs = pair
    with watchdog.watching(ours.fileno()):
        theirs.send(b"x")
        assert ours.recv(1) == b"x"
    with watchdog.watching(ours.fileno()):
        pass
    # Another one is hung up on meanwhile: so the watchdog has looked.
    other, silent = socket.socketpair()
    with other, silent, watchdog.watching(other.fileno()):
        wait_until(lambda: hung_up(silent))
    assert not hung_up(theirs)
    ours.send(b"y")
    theirs.settimeout(5)
    assert theirs.recv(1) == b"y"


def test_each_statement_has_the_whole_patience_anew(watchdog, pair):
    ours, theirs = pair
    deadline = time.monotonic() + 3 * PATIENCE
    while time.monotonic() < deadline:
        with watchdog.watching(ours.fileno()):
            theirs.send(b"x")
            assert ours.recv(1) == b"x"
    assert not hung_up(theirs)


def test_of_many_only_those_that_are_silent_are_hung_up_on(watchdog, wait_until):
    with ExitStack() as opened:
        pairs = [[opened.enter_context(end) for end in socket.socketpair()] for _ in range(20)]
        with ExitStack() as watched:
            for ours, _ in pairs[::2]:
                watched.enter_context(watchdog.watching(ours.fileno()))
            wait_until(lambda: all(hung_up(theirs) for _, theirs in pairs[::2]))
        assert not any(hung_up(theirs) for _, theirs in pairs[1::2])


def test_a_descriptor_that_is_closed_already_does_not_end_the_watch(watchdog, pair):
    gone, other = socket.socketpair()
    other.close()
    with watchdog.watching(gone.fileno()):
        gone.close()
        ours, _ = pair
        with watchdog.watching(ours.fileno()):
            assert ours.recv(1) == b""


def test_without_patience_nobody_watches(pair):
    ours, theirs = pair
    before = len(threads())
    with closing(Watchdog(0)) as watchdog, watchdog.watching(ours.fileno()):
        assert len(threads()) == before
    assert not hung_up(theirs)


def test_one_thread_watches_for_all_and_ends_when_closed(pair, wait_until):
    before = set(threads())
    watchdog = Watchdog(PATIENCE)
    gate = threading.Barrier(8)

    def watch():
        gate.wait()
        with watchdog.watching(pair[0].fileno()):
            pass

    users = [threading.Thread(target=watch) for _ in range(8)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    (ours,) = set(threads()) - before
    watchdog.close()
    wait_until(lambda: not ours.is_alive())
