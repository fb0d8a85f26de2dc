"""What applications count for themselves: heard on a socket, read from a file."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import counting
from agent.counting import Counting
from core.application import Application, Run
from core.bounds import CounterRule, Counters
from tests.agent.programs import eventually

RULES = (CounterRule(name="aborts", at_most=5, needs=("activations", 10)),)


def ledger(*, user: str | None = None) -> Application:
    return Application(name="ledger", run=Run(exec=("ledger",)), user=user, counters=Counters(rules=RULES))


def heard(*datagrams: bytes) -> Counting:
    """Without a socket."""
    ears = Counting(ledger(), folder=Path("/nowhere"))
    for datagram in datagrams:
        ears.heed(datagram)
    return ears


# --- lines -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "total"),
    [
        pytest.param(b"activations:1|c", 1, id="one"),
        pytest.param(b"activations:20|c", 20, id="several at once"),
        pytest.param(b"activations:0|c", 0, id="none"),
        pytest.param(b"activations:1|c|@0.1", 10, id="one in ten was sent"),
        pytest.param(b"activations:3|c|@1", 3, id="all were sent"),
        pytest.param(b"activations:3|c|@.5", 6, id="one in two"),
        pytest.param(b"activations:2.5|c|@0.5", 5, id="fractions"),
        pytest.param(b"activations:1|c|@0.3", 3, id="cut to whole ones when told"),
        pytest.param(b"activations:1|c|#queue:a,b", 1, id="tags say nothing"),
        pytest.param(b"activations:1|c|@0.5|#queue:a", 2, id="a rate and tags"),
        pytest.param(b"activations:1|c\r", 1, id="a carriage return"),
    ],
)
def test_a_counters_line_counts(line: bytes, total: int) -> None:
    ears = heard(line)

    assert ears.totals == {"activations": total}
    assert ears.ignored == 0


@pytest.mark.parametrize(
    "line",
    [
        b"activations",
        b"activations:",
        b"activations:1",
        b"activations:1|",
        b":1|c",
        b"activations:-1|c",
        b"activations:+1|c",
        b"activations:1e9|c",
        b"activations:1 |c",
        b"activations:nan|c",
        b"activations:1|C",
        b"activations:1|g",
        b"activations:1|ms",
        b"activations:1|c|@0",
        b"activations:1|c|@0.0",
        b"activations:1|c|@1.1",
        b"activations:1|c|@",
        b"activations:1|c|@.",
        b"activations:1|c|@-0.1",
        b"activations:1|c|0.1",
        b"activations:1|c|#a|@0.1",
        b"activations:1:2|c",
        b"active tions:1|c",
        b"activ\xc3\xa4tions:1|c",
        b"activations\0:1|c",
        b"\xff\xfe",
        b"x" * 101 + b":1|c",
        b"activations:" + b"1" * 16 + b"|c",
    ],
)
def test_any_other_line_is_ignored_counted_and_stops_nothing(line: bytes) -> None:
    ears = heard(line + b"\nactivations:1|c")

    assert ears.totals == {"activations": 1}
    assert ears.ignored == 1


def test_a_datagram_has_as_many_lines_as_fit_and_blank_ones_are_nothing() -> None:
    ears = heard(b"activations:1|c\naborts:2|c\n\r\n\nactivations:3|c\n")

    assert ears.totals == {"activations": 4, "aborts": 2}
    assert ears.ignored == 0


def test_a_datagram_longer_than_the_rest_is_ignored_whole_for_its_end_may_be_cut_off() -> None:
    ears = heard(b"activations:1|c\n" * 100)

    assert ears.totals == {}
    assert ears.ignored == 1


def test_sampled_ones_are_added_up_before_they_are_cut() -> None:
    assert heard(*[b"aborts:1|c|@0.3"] * 30).totals == {"aborts": 99}, "30 / 0.3 is 100, each one less than a millionth short"


def test_so_many_counters_are_kept_and_those_of_the_rules_always() -> None:
    ears = heard(*(f"counter-{number}:1|c".encode() for number in range(200)), b"aborts:1|c", b"activations:1|c", b"counter-7:1|c")

    assert len(ears.totals) == 102
    assert (ears.totals["aborts"], ears.totals["activations"], ears.totals["counter-7"]) == (1, 1, 2)
    assert ears.ignored == 100


# Pieces from which lines are made that are nearly right.
_WORDS = [b"activations", b"aborts", b"a@b", b"|c", b"|c|@", b"|#t:1", b"10", b"0.25", b".5", b"1.0"]
_PIECES = st.sampled_from(_WORDS) | st.sampled_from(b":|@#c01.-+ e\xff\0\n\r").map(lambda byte: bytes([byte]))
_WELL = st.builds(
    lambda name, value, rate: name + b":" + value + b"|c" + rate,
    st.sampled_from([b"activations", b"aborts", b"other.name"]),
    st.sampled_from([b"0", b"1", b"17", b"2.5", b"999999999999999"]),
    st.sampled_from([b"", b"|@1", b"|@0.1", b"|@0.333333", b"|#x"]),
)
_LINES = st.one_of(_WELL, st.lists(_PIECES, max_size=12).map(b"".join), st.binary(max_size=40))


def reference(datagrams: list[bytes]) -> tuple[dict[str, int], int]:
    """The same rules read a second time, by taking lines apart instead of matching them."""
    sums: dict[str, int] = {}
    ignored = 0
    for datagram in datagrams:
        for line in [b"?"] if len(datagram) > 1432 else datagram.split(b"\n"):
            if not line.replace(b"\r", b""):
                continue
            try:
                name, add = reference_line(line[:-1] if line.endswith(b"\r") else line)
            except ValueError:
                ignored += 1
            else:
                sums[name] = sums.get(name, 0) + add
    return {name: total // 1_000_000 for name, total in sums.items()}, ignored


def reference_line(line: bytes) -> tuple[str, int]:
    text = line.decode("ascii")  # UnicodeDecodeError is a ValueError
    name, colon, rest = text.partition(":")
    parts = rest.split("|")
    if not colon or not 1 <= len(name) <= 100 or any(not "!" <= char <= "~" or char == "|" for char in name) or parts[1:2] != ["c"]:
        raise ValueError(text)
    more = parts[2:]
    rate = number(more.pop(0)[1:], whole_max=1, whole_min=0, fraction_max=6) if more and more[0].startswith("@") else Fraction(1)
    if more and more[0].startswith("#") and all(" " <= char <= "~" for char in more[0]):
        more.pop(0)
    if more or not 0 < rate <= 1:
        raise ValueError(text)
    return name, int(number(parts[0], whole_max=15, whole_min=1, fraction_max=9) / rate * 1_000_000)


def number(text: str, *, whole_max: int, whole_min: int, fraction_max: int) -> Fraction:
    whole, dot, fraction = text.partition(".")
    if not whole_min <= len(whole) <= whole_max or bool(dot) != bool(fraction) or len(fraction) > fraction_max or not (whole + fraction):
        raise ValueError(text)
    if any(char not in "0123456789" for char in whole + fraction):
        raise ValueError(text)
    return Fraction(int(whole or "0")) + Fraction(int(fraction or "0"), 10 ** len(fraction))


@given(st.lists(st.lists(_LINES, max_size=5).map(b"\n".join), max_size=5))
def test_lines_mean_what_a_second_reading_of_the_rules_says(datagrams: list[bytes]) -> None:
    ears = heard(*datagrams)

    assert (ears.totals, ears.ignored) == reference(datagrams)


# --- the socket --------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "counters"


def test_an_application_is_told_where_to_send_and_is_heard(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "TELL_EVERY_S", 0.1)
    told: list[None] = []

    async def story() -> None:
        ears = Counting(ledger(), lambda: told.append(None), folder=folder)
        ears.open()
        ears.open()
        assert ears.trouble == ""
        script = "import os, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        script += "for _ in range(5): s.sendto(b'activations:2|c', os.environ['UNDERSTUDY_COUNTERS'])"
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script], env=ears.environment, check=True)
        await eventually(lambda: ears.totals == {"activations": 10})
        await eventually(lambda: len(told) > 0)
        ears.close()
        ears.close()
        assert not (folder / "ledger.sock").exists()
        assert ears.totals == {"activations": 10}

    asyncio.run(story())
    assert len(told) <= 2, "once in that time at most, however many datagrams came"


def test_a_flood_is_drained_and_lets_others_have_their_turn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "DATAGRAMS_AT_ONCE", 4)

    async def story() -> None:
        ears = Counting(ledger(), folder=folder)
        ears.open()
        mouth = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        mouth.connect(ears.environment["UNDERSTUDY_COUNTERS"])

        def pour() -> None:
            for _ in range(2000):
                mouth.send(b"activations:1|c")

        pouring = threading.Thread(target=pour)
        pouring.start()
        turns = 0
        async with asyncio.timeout(30.0):
            while ears.totals.get("activations") != 2000:
                await asyncio.sleep(0)
                turns += 1
        assert turns >= 2000 / 4 / 2
        pouring.join()
        mouth.close()
        ears.close()

    asyncio.run(story())


def test_the_socket_is_for_the_applications_user_alone(folder: Path) -> None:
    async def story() -> os.stat_result:
        ears = Counting(ledger(user="nobody" if os.geteuid() == 0 else None), folder=folder)
        ears.open()
        assert ears.trouble == ""
        try:
            return (folder / "ledger.sock").stat()
        finally:
            ears.close()

    found = asyncio.run(story())
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_uid == (65534 if os.geteuid() == 0 else os.geteuid())
    assert stat.S_IMODE(folder.stat().st_mode) & 0o011 == 0o011, "whoever may send can reach it"


def test_the_socket_is_closed_to_others_from_the_moment_it_has_a_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before: list[int] = []
    monkeypatch.setattr(Path, "chmod", lambda path, mode: before.append(stat.S_IMODE(path.stat().st_mode)))
    former = os.umask(0)
    try:

        async def story() -> None:
            ears = Counting(ledger(), folder=folder)
            ears.open()
            ears.close()

        asyncio.run(story())
    finally:
        os.umask(former)
    assert before == [0o600]


def test_the_socket_of_an_agent_that_died_gives_way_and_a_newer_one_is_left_alone(folder: Path) -> None:
    async def story() -> None:
        dead, new = Counting(ledger(), folder=folder), Counting(ledger(), folder=folder)
        dead.open()
        new.open()
        assert new.trouble == ""
        dead.close()
        assert (folder / "ledger.sock").exists()
        new.close()

    asyncio.run(story())


@pytest.mark.parametrize("hindrance", ["a file in its place", "a path too long", "no such user"])
def test_a_socket_that_cannot_be_had_is_said_and_stops_nothing(folder: Path, hindrance: str) -> None:
    application = ledger(user="no-such-user" if hindrance == "no such user" else None)
    if hindrance == "a path too long":
        folder = folder / ("x" * 120)
    folder.mkdir(parents=True)
    if hindrance == "a file in its place":
        (folder / "ledger.sock").write_text("mine")

    async def story() -> str:
        ears = Counting(application, folder=folder)
        ears.open()
        assert ears.totals == {}
        ears.close()
        return ears.trouble

    assert asyncio.run(story()).startswith(f"counters cannot be heard at {folder}/ledger.sock: ")


def test_without_counters_in_the_settings_nothing_is_opened_and_nothing_told(folder: Path) -> None:
    ears = Counting(Application(name="ledger", run=Run(exec=("ledger",))), folder=folder)
    ears.open()
    ears.close()

    assert (ears.environment, ears.totals, ears.trouble) == ({}, {}, "")
    assert not folder.exists()
