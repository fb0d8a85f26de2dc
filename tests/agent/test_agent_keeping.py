"""What a node saves, another one finds: files, links, modes, times; and nothing of it leads out of the folder."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from agent.keeping.opening import Waits, open_folder
from agent.keeping.reading import TooMuch
from agent.keeping.saver import Saver
from agent.keeping.walk import NoFolder
from agent.ports import Unreachable
from core.kept.rules import Do
from core.state import Persist
from tests.agent.kept_worlds import FakeStore, Machine, contents, machine


def opened(one: Machine, store: FakeStore, epoch: int, *, runs: bool = False) -> tuple[Saver, Do]:
    saver = one.saver(store, epoch)
    return saver, open_folder(saver, one.place, runs=runs, say=lambda why: None).do


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def first(tmp_path: Path) -> Machine:
    return machine(tmp_path, "i-first")


@pytest.fixture
def second(tmp_path: Path) -> Machine:
    return machine(tmp_path, "i-second")


def test_a_new_node_finds_files_folders_links_modes_and_times_as_they_were(store: FakeStore, first: Machine, second: Machine) -> None:
    saver, done = opened(first, store, 1)
    assert done is Do.BEGIN
    (first.folder / "deep" / "er").mkdir(parents=True)
    (first.folder / "empty").mkdir(mode=0o711)
    (first.folder / "deep" / "er" / "small").write_bytes(b"small")
    (first.folder / "large").write_bytes(os.urandom(9 * 1024 * 1024))
    (first.folder / "nothing").touch()
    (first.folder / "run.sh").write_bytes(b"#!/bin/sh\n")
    (first.folder / "run.sh").chmod(0o4750)
    os.utime(first.folder / "run.sh", ns=(1_000_000_000, 1_234_567_890_123_456_789))
    (first.folder / "link").symlink_to("deep/er/small")
    (first.folder / os.fsdecode(b"not-utf8-\xff")).write_bytes(b"odd")
    saved = saver.save(first.folder)
    assert saved.wrote
    assert saved.manifest.entries == 9

    _, done = opened(second, store, 2)

    assert done is Do.RESTORE
    assert contents(second.folder) == contents(first.folder)
    assert (second.folder / "link").readlink() == Path("deep/er/small")
    assert (second.folder / "empty").stat().st_mode & 0o7777 == 0o711
    assert (second.folder / "run.sh").stat().st_mode & 0o7777 == 0o4750
    assert (second.folder / "run.sh").stat().st_mtime_ns == 1_234_567_890_123_456_789


def test_a_link_is_kept_as_a_link_and_what_it_leads_to_is_never_read(
    store: FakeStore, first: Machine, second: Machine, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_bytes(b"do not save me" * 1000)
    saver, _ = opened(first, store, 1)
    (first.folder / "file").symlink_to(secret / "key")
    (first.folder / "folder").symlink_to(secret)
    saver.save(first.folder)
    assert not any(b"do not save me" in body for body in store.objects.values())

    opened(second, store, 2)
    assert (second.folder / "folder").is_symlink()


def test_sockets_and_pipes_are_left_out_and_counted(store: FakeStore, first: Machine) -> None:
    saver, _ = opened(first, store, 1)
    os.mkfifo(first.folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(first.folder / "socket"))
        saved = saver.save(first.folder)
    assert (saved.left_out_count, set(saved.left_out), saved.manifest.entries) == (2, {"pipe", "socket"}, 0)


def test_nothing_is_written_while_nothing_changes_and_small_changes_cost_one_request(store: FakeStore, first: Machine) -> None:
    saver, _ = opened(first, store, 1)
    (first.folder / "a").write_bytes(b"1")
    saver.save(first.folder)
    asked = len(store.asked)
    for _ in range(3):
        assert not saver.save(first.folder).wrote
    assert len(store.asked) == asked

    (first.folder / "a").write_bytes(b"2")
    assert saver.save(first.folder).wrote
    saver.tidy()
    assert store.asked[asked:] == [("put_if", "state/demo/counter/manifest")]


def test_a_file_from_the_future_is_a_file_like_any_other(store: FakeStore, first: Machine) -> None:
    saver, _ = opened(first, store, 1)
    (first.folder / "a").write_bytes(b"1")
    os.utime(first.folder / "a", (4_000_000_000, 4_000_000_000))
    time.sleep(0.05)
    assert saver.save(first.folder).settled
    asked = len(store.asked)
    assert not saver.save(first.folder).wrote
    assert len(store.asked) == asked


def test_only_the_pieces_that_changed_are_stored_again_and_what_nobody_needs_is_emptied(
    store: FakeStore, first: Machine, second: Machine
) -> None:
    saver, _ = opened(first, store, 1)
    large = first.folder / "large"
    large.write_bytes(os.urandom(12 * 1024 * 1024))
    saver.save(first.folder)
    assert store.count("put") == 3

    for _ in range(3):
        with large.open("r+b") as file:
            file.seek(5 * 1024 * 1024)
            file.write(os.urandom(100))
        saver.save(first.folder)
        saver.tidy()
    pieces = {key: body for key, body in store.objects.items() if "/pieces/" in key}
    assert len([body for body in pieces.values() if body]) == 4, "three that are needed, and one of the manifest before"
    assert len([body for body in pieces.values() if not body]) == 2
    assert store.count("put") == 3 + 3 + 2

    opened(second, store, 2)
    assert contents(second.folder) == contents(first.folder)


def test_saves_fail_while_the_bucket_is_gone_and_the_next_one_has_it_all(store: FakeStore, first: Machine, second: Machine) -> None:
    saver, _ = opened(first, store, 1)
    (first.folder / "a").write_bytes(os.urandom(9_000_000))
    store.trouble = Unreachable("SlowDown")
    for _ in range(3):
        with pytest.raises(Unreachable, match="SlowDown"):
            saver.save(first.folder)
    store.trouble = None
    assert saver.save(first.folder).wrote
    opened(second, store, 2)
    assert contents(second.folder) == contents(first.folder)


def test_rebind_starts_nothing_where_nothing_is_saved(store: FakeStore, tmp_path: Path) -> None:
    with pytest.raises(Waits, match="nothing is saved, and persist is REBIND"):
        opened(machine(tmp_path, "i-first", Persist.REBIND), store, 1)
    assert not store.objects


def test_clean_begins_afresh_on_a_new_node_and_goes_on_with_its_own_folder(store: FakeStore, first: Machine, tmp_path: Path) -> None:
    saver, _ = opened(first, store, 1)
    (first.folder / "a").write_bytes(os.urandom(10_000))
    saver.save(first.folder)
    clean = machine(tmp_path, "i-clean", Persist.CLEAN)
    saver, done = opened(clean, store, 2)
    assert (done, contents(clean.folder)) == (Do.BEGIN, {})
    (clean.folder / "b").write_bytes(b"b")
    for _ in range(2):
        saver.save(clean.folder)
        (clean.folder / "c").write_bytes(b"c")
    saver.tidy()
    assert [body for key, body in store.objects.items() if "/pieces/" in key] == [b""], "what the former one saved is given back"
    assert opened(clean, store, 3)[1] is Do.GO_ON


def test_a_folder_that_the_image_brought_stays_when_nothing_is_saved(store: FakeStore, first: Machine) -> None:
    first.folder.mkdir()
    (first.folder / "default").write_bytes(b"from the image")
    assert opened(first, store, 1)[1] is Do.BEGIN
    assert contents(first.folder) == {"default": b"from the image"}


def test_a_folder_that_runs_is_never_restored_over(store: FakeStore, first: Machine, second: Machine) -> None:
    saver, _ = opened(first, store, 1)
    saver.save(first.folder)
    with pytest.raises(Waits, match="run on a folder that was not opened"):
        opened(second, store, 2, runs=True)


def test_a_folder_that_is_gone_is_a_failed_save_and_not_an_empty_one(store: FakeStore, first: Machine) -> None:
    saver, _ = opened(first, store, 1)
    (first.folder / "a").write_bytes(b"1")
    saver.save(first.folder)
    first.folder.rename(first.root / "elsewhere")
    with pytest.raises(NoFolder):
        saver.save(first.folder)


def test_too_many_files_are_refused_and_not_saved_in_part(store: FakeStore, first: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.kept.tree.ENTRIES_MAX", 10)
    saver, _ = opened(first, store, 1)
    for number in range(11):
        (first.folder / str(number)).touch()
    with pytest.raises(TooMuch, match="11 files and folders: at most 10 are kept"):
        saver.save(first.folder)


def test_a_file_that_is_written_all_the_time_does_not_keep_the_rest_from_being_saved(
    store: FakeStore, first: Machine, second: Machine
) -> None:
    saver, _ = opened(first, store, 1)
    (first.folder / "calm").write_bytes(b"calm")
    stop = threading.Event()

    def write() -> None:
        with (first.folder / "log").open("ab", buffering=0) as log:
            while not stop.wait(0.0005):
                log.write(b"another line\n")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        time.sleep(0.05)
        saved = saver.save(first.folder)
    finally:
        stop.set()
        thread.join()
    assert not saved.settled
    opened(second, store, 2)
    kept, log = contents(second.folder), (first.folder / "log").read_bytes()
    assert kept["calm"] == b"calm"
    assert log.startswith(kept["log"]), "what was appended is kept from its beginning"
    assert kept["log"]


def test_what_is_renamed_into_place_is_kept_whole(store: FakeStore, first: Machine, second: Machine) -> None:
    """Whichever version a save meets, it is one that was written, from its first byte to its last."""
    saver, _ = opened(first, store, 1)
    stop, sizes = threading.Event(), 200_000

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            (first.folder / "new").write_bytes(bytes([number % 256]) * sizes)
            (first.folder / "new").rename(first.folder / "data")

    (first.folder / "data").write_bytes(b"\0" * sizes)
    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(4):
            saver.save(first.folder)
            reader = second.saver(store, 2)
            reader.find()
            (data,) = [b"".join(map(saver.piece, entry.pieces)) for entry in reader.fetch() if entry.path == "data"]
            assert len(data) == sizes
            assert len(set(data)) == 1
    finally:
        stop.set()
        thread.join()
