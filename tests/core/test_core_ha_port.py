"""The HA port's protocol, as a conversation of bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ha_port import LINE_BYTES_MAX, LineReader, LineTooLong, Told, View, answer
from core.model import Verdict

WELL = View(
    subject=Told(Verdict.HEALTHY),
    applications={"web": Told(Verdict.HEALTHY), "db": Told(Verdict.FAILING, "exited with status 1")},
    status={"phase": "running", "epoch": 3},
)


def conversation(data: bytes, view: View = WELL) -> str:
    return "".join(answer(line, view).text for line in LineReader().feed(data))


@pytest.mark.parametrize("asked", [b"ping\r\n", b"ping\n", b"PING\r\n", b"PiNg \n", b"  ping  \r\n"])
def test_ping_is_understood_in_any_case_with_either_line_end(asked: bytes) -> None:
    assert conversation(asked) == "OK\r\n"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (Told(Verdict.HEALTHY), "OK"),
        (Told(Verdict.BUSY, "queue full"), "OK"),
        (Told(Verdict.FAILING, "web: exited"), "FAILED web: exited"),
        (Told(Verdict.UNKNOWN, "starting"), "FAILED unknown: starting"),
        (Told(Verdict.FAILING), "FAILED failing"),
        (Told(Verdict.FAILING, "two\r\nlines \x07"), "FAILED two??lines ?"),
    ],
)
def test_ping_answers_ok_or_failed_and_why_on_one_line(told: Told, said: str) -> None:
    view = View(subject=told, applications={}, status={})

    assert conversation(b"ping\r\n", view) == f"{said}\r\n"


def test_one_application_is_asked_by_name() -> None:
    assert conversation(b"ping web\nPING DB\n") == "OK\r\nFAILED exited with status 1\r\n"
    assert conversation(b"ping nobody\n") == "ERROR no such application; there are: web db\r\n"


def test_status_is_one_line_of_json() -> None:
    said = conversation(b"status\r\n")

    assert said.count("\n") == 1
    assert json.loads(said) == {"phase": "running", "epoch": 3}


def test_help_names_every_command() -> None:
    said = conversation(b"help\r\n")

    assert [line.split()[0].rstrip(",") for line in said.splitlines()] == ["help", "ping", "status", "quit"]


@pytest.mark.parametrize("asked", ["quit", "EXIT", " exit "])
def test_quit_and_exit_close(asked: str) -> None:
    assert answer(asked, WELL).close


@pytest.mark.parametrize("asked", ["", "   "])
def test_an_empty_line_is_passed_over(asked: str) -> None:
    assert answer(asked, WELL).text == ""


@pytest.mark.parametrize("asked", ["pong", "ping a b", "quit now", "\x00\x01", "GET / HTTP/1.1"])
def test_what_is_not_understood_is_refused_with_a_word(asked: str) -> None:
    said = answer(asked, WELL)

    assert said.error
    assert said.text == "ERROR not understood; try help\r\n"


def test_lines_arrive_in_pieces() -> None:
    reader = LineReader()

    assert reader.feed(b"pi") == []
    assert reader.feed(b"ng\r") == []
    assert reader.feed(b"\nstatus\npi") == ["ping", "status"]


@pytest.mark.parametrize(
    "negotiation",
    [
        pytest.param(b"\xff\xfd\x03\xff\xfb\x18", id="do and will"),
        pytest.param(b"\xff\xfa\x18\x01\xff\xff\xff\xf0", id="subnegotiation with an escaped byte"),
        pytest.param(b"\xff\xf6", id="are you there"),
    ],
)
def test_telnet_negotiation_is_passed_over_wherever_it_is_cut(negotiation: bytes) -> None:
    data = negotiation + b"pi" + negotiation + b"ng\r\n"
    for cut in range(len(data)):
        reader = LineReader()
        assert [*reader.feed(data[:cut]), *reader.feed(data[cut:])] == ["ping"]


def test_a_line_of_256_bytes_is_read_and_one_more_is_refused() -> None:
    assert LineReader().feed(b"x" * LINE_BYTES_MAX + b"\r\n") == ["x" * LINE_BYTES_MAX]
    with pytest.raises(LineTooLong, match="longer than 256 bytes"):
        LineReader().feed(b"x" * (LINE_BYTES_MAX + 1))


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_garbage_is_answered_or_refused_but_never_raises_anything_else(pieces: list[bytes]) -> None:
    reader = LineReader()
    for piece in pieces:
        try:
            for line in reader.feed(piece):
                assert answer(line, WELL).text.count("\n") <= len(line) + 8
        except LineTooLong:
            return
