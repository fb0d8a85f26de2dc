"""What applications count for themselves and write to a file of totals."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import counting
from agent.counting import Counting
from agent.measure import background
from agent.off_loop import Threads
from agent.totals_file import Totals, read_totals
from core.application import Application, Run
from core.bounds import Counters


def ledger(file: Path) -> Application:
    return Application(name="ledger", run=Run(exec=("ledger",)), counters=Counters(file=str(file)))


def read(path: Path) -> Totals:
    return read_totals(str(path), 100, {"aborts"})


def test_a_file_of_totals_is_read(tmp_path: Path) -> None:
    (tmp_path / "totals").write_text('{"activations": 12, "aborts": 0}')

    assert read(tmp_path / "totals") == Totals({"activations": 12, "aborts": 0})


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ('{"activations": 1', "is not JSON"),
        ("", "is not JSON"),
        ("[" * 60_000, "is not JSON"),
        ('{"activations": ' + "9" * 5000 + "}", "is not JSON"),
        ("[1]", "is not an object"),
        ('{"activations": -1}', "says 'activations' is -1: expected a whole number from 0"),
        ('{"activations": 1.5}', "says 'activations' is 1.5"),
        ('{"activations": true}', "says 'activations' is True"),
        ('{"activations": NaN}', "says 'activations' is nan"),
        ('{"activations": {"a": 1}}', "says 'activations' is dict: expected"),
        ('{"activations": ' + '{"a": ' * 900 + "1" + "}" * 901, ""),
        ('{"' + "x" * 101 + '": 1}', "says 'xxx"),
        (" " * 65_536 + "{}", "is longer than 65536 bytes"),
    ],
)
def test_a_file_that_is_not_that_is_refused_by_name(tmp_path: Path, text: str, trouble: str) -> None:
    (tmp_path / "totals").write_text(text)
    found = read(tmp_path / "totals")

    assert (found.by_name, trouble in found.trouble) == ({}, True)
    assert len(found.trouble) < 250


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin").write_bytes(b'{"a\xff": 1}')

    assert read(tmp_path / "pipe").trouble == "cannot be read: it is no file"
    assert read(tmp_path).trouble == "cannot be read: it is no file"
    assert read(tmp_path / "none").trouble == "is not there"
    assert read(tmp_path / "latin").trouble.startswith("is not JSON")


def test_of_a_large_file_the_counters_of_the_rules_come_first(tmp_path: Path) -> None:
    (tmp_path / "totals").write_text(json.dumps({f"counter-{number}": 1 for number in range(200)} | {"aborts": 7}))
    found = read(tmp_path / "totals")

    assert len(found.by_name) == 100
    assert found.by_name["aborts"] == 7


@given(st.binary(max_size=60) | st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_no_file_makes_the_reader_fail(content: object) -> None:
    path = Path("/dev/shm" if os.path.isdir("/dev/shm") else "/tmp", f"understudy-totals-{os.getpid()}")
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    try:
        found = read(path)
    finally:
        path.unlink()

    good = isinstance(content, dict) and all(len(name) <= 100 and type(total) is int and total >= 0 for name, total in content.items())
    if not isinstance(content, bytes):
        assert (found.trouble == "") == good
        assert not good or dict(found.by_name) == content


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "READ_EVERY_S", 0.0)
    monkeypatch.setattr(background, "_PAUSES", 0)


def seen(ears: Counting, fact: Callable[[Counting], bool]) -> None:
    deadline_s = time.monotonic() + 30.0
    while not (ears.totals is not None and fact(ears)):
        assert time.monotonic() < deadline_s, (ears.totals, ears.trouble)
        time.sleep(0.002)


@pytest.mark.usefixtures("eager")
def test_the_last_good_totals_stand_while_the_file_is_half_written_and_what_was_heard_is_added(tmp_path: Path) -> None:
    file = tmp_path / "totals"
    ears = Counting(ledger(file), folder=tmp_path)
    assert ears.environment["UNDERSTUDY_COUNTERS_FILE"] == str(file)
    seen(ears, lambda ears: "is not there" in ears.trouble)
    file.write_text('{"activations": 12}')
    seen(ears, lambda ears: ears.totals == {"activations": 12})
    assert ears.trouble == ""
    file.write_text('{"activations": 1')
    seen(ears, lambda ears: "is not JSON" in ears.trouble)
    ears.heed(b"activations:1|c\naborts:1|c")
    assert ears.totals == {"activations": 13, "aborts": 1}
    file.write_text('{"activations": 0}')
    seen(ears, lambda ears: ears.totals == {"activations": 1, "aborts": 1})
    assert ears.trouble == ""


def test_the_file_is_read_once_a_second_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []

    def look(path: str, *_: object) -> Totals:
        reads.append(path)
        return Totals({"aborts": 1})

    monkeypatch.setattr(counting, "read_totals", look)
    file = tmp_path / "totals"
    ears = Counting(ledger(file), folder=tmp_path)
    seen(ears, lambda ears: ears.totals == {"aborts": 1})
    for _ in range(100):
        assert ears.totals == {"aborts": 1}
    assert reads.count(str(file)) == 1  # a thread of an earlier test may still be reading another


@pytest.mark.usefixtures("eager")
def test_a_file_on_a_disk_that_hangs_delays_nothing_and_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def look(*_: object) -> Totals:
        released.wait(10.0)
        return Totals({"aborts": 1})

    monkeypatch.setattr(counting, "read_totals", look)
    monkeypatch.setattr(background, "THREADS", Threads("measure", 2))
    ears = Counting(ledger(tmp_path / "totals"), folder=tmp_path)
    try:
        seen(ears, lambda ears: "hangs" in ears.trouble)
        assert ears.totals == {}
    finally:
        released.set()
    seen(ears, lambda ears: ears.totals == {"aborts": 1})
