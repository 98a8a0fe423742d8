"""Finding audio files: every one once, whatever links and names there are, and what is left out is counted."""

import os
import socket
import tempfile
from contextlib import contextmanager
from pathlib import Path

from worker.scan.files import Fault, Found, Walk, shown


def put(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@contextmanager
def as_nobody():
    """Root may read everything: be somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def walked(*roots):
    walk = Walk(roots)
    items = list(walk)
    found = [str(item.path.relative_to(roots[0])) for item in items if isinstance(item, Found)]
    return found, [item for item in items if isinstance(item, Fault)], walk


def test_audio_files_come_in_the_order_of_their_names_and_others_are_counted(tmp_path):
    put(tmp_path, "b/2.FLAC", "b/1.mp3", "a.ogg", "c.opus", "cover.jpg", "b/notes.txt", "old.ape", "older.ape")
    found, faults, walk = walked(tmp_path)
    assert found == ["a.ogg", "b/1.mp3", "b/2.FLAC", "c.opus"]
    assert (faults, walk.ignored, walk.not_read) == ([], 2, {".ape": 2})


def test_hidden_files_and_directories_are_left_out(tmp_path):
    put(tmp_path, "a.mp3", "._a.mp3", ".Trash/b.mp3")
    found, _, walk = walked(tmp_path)
    assert found == ["a.mp3"]
    assert walk.ignored == 2


def test_a_hidden_directory_or_a_strange_name_can_be_named(tmp_path):
    put(tmp_path, ".music/a.mp3", "clip.mp4")
    assert walked(tmp_path / ".music")[0] == ["a.mp3"]
    assert [item.path for item in Walk([tmp_path / "clip.mp4"])] == [tmp_path / "clip.mp4"]


def test_links_that_run_in_circles_end(tmp_path):
    put(tmp_path, "a/b/1.mp3")
    (tmp_path / "a/b/up").symlink_to(tmp_path)
    (tmp_path / "a/self").symlink_to(".")
    (tmp_path / "a/loop.mp3").symlink_to("loop.mp3")
    found, faults, _ = walked(tmp_path)
    assert found == ["a/b/1.mp3"]
    assert [fault.path.name for fault in faults] == ["loop.mp3"]


def test_a_directory_is_found_under_its_own_name_before_any_link_to_it(tmp_path):
    put(tmp_path, "z/1.mp3")
    (tmp_path / "a").symlink_to("z")
    assert walked(tmp_path)[0] == ["z/1.mp3"]


def test_links_lead_out_of_the_tree(tmp_path):
    put(tmp_path, "elsewhere/1.mp3", "music/2.mp3")
    (tmp_path / "music/more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "music/single.mp3").symlink_to(tmp_path / "elsewhere/1.mp3")
    assert walked(tmp_path / "music")[0] == ["2.mp3", "more/1.mp3", "single.mp3"]


def test_a_link_to_nothing_is_reported_once(tmp_path):
    (tmp_path / "gone.mp3").symlink_to("nowhere")
    found, faults, _ = walked(tmp_path)
    assert found == []
    assert faults == [Fault(tmp_path / "gone.mp3", "no such file or directory")]


def test_a_directory_that_may_not_be_read_is_reported_and_the_others_are_gone_through():
    with tempfile.TemporaryDirectory() as short:
        root = Path(short)
        root.chmod(0o755)
        put(root, "closed/1.mp3", "open/2.mp3")
        (root / "closed").chmod(0)
        with as_nobody():
            found, faults, _ = walked(root)
        (root / "closed").chmod(0o755)
    assert found == ["open/2.mp3"]
    assert faults == [Fault(root / "closed", "permission denied")]


def test_what_is_no_regular_file_is_left_out_whatever_its_name():
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as listener:
        root = Path(short)
        os.mkfifo(root / "pipe.mp3")
        listener.bind(str(root / "socket.mp3"))
        found, faults, walk = walked(root)
    assert (found, faults, walk.ignored) == ([], [], 2)


def test_names_that_are_no_utf_8_are_found_and_shown_escaped(tmp_path):
    name = os.fsdecode(b"J\xf3ga\x1b[31m\n.mp3")
    put(tmp_path, name)
    assert walked(tmp_path)[0] == [name]
    assert shown(Path(name)) == r"J\xf3ga\x1b[31m\n.mp3"
    assert shown(Path("Jóga – ジョガ.mp3")) == "Jóga – ジョガ.mp3"
