"""The HA port's protocol, as a conversation of bytes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model import Verdict
from core.node.ha_port import LINE_BYTES_MAX, LineReader, LineTooLong, Told, View, answer, haproxy_words

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

    assert [line.split()[0].rstrip(",") for line in said.splitlines()] == ["help", "ping", "status", "haproxy", "quit"]


@pytest.mark.parametrize(
    ("told", "serves", "said"),
    [
        pytest.param(Told(Verdict.HEALTHY), True, "up 100%", id="healthy takes its whole share"),
        pytest.param(Told(Verdict.BUSY, "queue full"), True, "up 50%", id="busy is asked less and not left out"),
        pytest.param(Told(Verdict.FAILING, "web: died"), True, "down #web: died", id="failing is down and why"),
        pytest.param(Told(Verdict.FAILING), True, "down #failing", id="failing without a reason"),
        pytest.param(Told(Verdict.FAILING, "held"), False, "stopped #held", id="a node that serves nobody is stopped"),
        pytest.param(Told(Verdict.HEALTHY, "no permit yet"), False, "stopped #no permit yet", id="well and waiting is stopped"),
        pytest.param(Told(Verdict.UNKNOWN, "held", held=True), True, "stopped #held", id="taken offline is stopped"),
        pytest.param(Told(Verdict.UNKNOWN, "first probe is out"), True, "", id="what we cannot tell leaves the server as it is"),
    ],
)
def test_haproxy_hears_its_own_words(told: Told, serves: bool, said: str) -> None:
    view = replace(WELL, subject=told, serves=serves)

    assert haproxy_words(view) == said
    assert conversation(b"HAPROXY\n", view) == f"{said}\r\n"


def test_what_a_person_set_at_the_balancer_is_never_overruled() -> None:
    for verdict in Verdict:
        for serves in (True, False):
            words = haproxy_words(replace(WELL, subject=Told(verdict, "ready drain maint"), serves=serves)).partition("#")[0].split()
            assert not {"ready", "drain", "maint"} & set(words)


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


@pytest.mark.parametrize("asked", ["ping nobody", "ping web now", "status web", "help me", "haproxy web", "quit now", "pong", "\xff"])
def test_whatever_is_refused_counts_as_an_error_so_that_who_goes_on_is_cut_off(asked: str) -> None:
    said = answer(asked, WELL)

    assert (said.error, said.close) == (True, False)
    assert said.text.startswith("ERROR ")
    assert said.text.endswith("\r\n")


@pytest.mark.parametrize("asked", ["ping", "ping db", "status", "haproxy", "help", "quit", "exit", ""])
def test_what_is_understood_is_no_error_also_when_the_answer_is_failed(asked: str) -> None:
    assert not answer(asked, WELL).error


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


def test_a_subnegotiation_goes_on_to_its_own_end_whatever_stands_in_it() -> None:
    window_size = b"\xff\xfa\x1f" + b"\xf0\n\xff\xff" + b"\xff\xf0"  # RFC 1073: 255 in it is doubled, 240 alone ends nothing

    assert conversation(b"pi" + window_size + b"ng\r\n") == "OK\r\n"


def test_a_line_of_256_bytes_is_read_and_one_more_is_refused() -> None:
    assert LineReader().feed(b"x" * LINE_BYTES_MAX + b"\r\n") == ["x" * LINE_BYTES_MAX]
    with pytest.raises(LineTooLong, match="longer than 256 bytes"):
        LineReader().feed(b"x" * (LINE_BYTES_MAX + 1))


class ByteByByte:
    """The same reading, one byte after the other: slow, and plain to see."""

    def __init__(self) -> None:
        self.line, self.telnet = bytearray(), ""

    def feed(self, data: bytes) -> list[str]:
        lines = []
        for byte in data:
            if self.telnet or byte == 255:
                self.skip(byte)
            elif byte == 0x0A:
                lines.append(self.line.decode("latin-1").removesuffix("\r"))
                self.line.clear()
            elif len(self.line) > LINE_BYTES_MAX or (len(self.line) == LINE_BYTES_MAX and byte != 0x0D):
                raise LineTooLong
            else:
                self.line.append(byte)
        return lines

    def skip(self, byte: int) -> None:
        after = {"": "iac", "option": "", "sub": "sub-iac" if byte == 255 else "sub", "sub-iac": "" if byte == 240 else "sub"}
        after["iac"] = "option" if byte in (251, 252, 253, 254) else "sub" if byte == 250 else ""
        self.telnet = after[self.telnet]


PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"\xff", b"\xff\xfb", b"\xff\xfa", b"\xff\xf0", b"\r", b"\n", b"\r\n", b"ping", b"x" * 250, b"x" * 256, b"x" * 257]),
)


@given(st.lists(PIECES, max_size=30))
def test_lines_are_those_that_reading_byte_by_byte_gives(pieces: list[bytes]) -> None:
    fast, plain = LineReader(), ByteByByte()
    for piece in pieces:
        try:
            expected = plain.feed(piece)
        except LineTooLong:
            with pytest.raises(LineTooLong):
                fast.feed(piece)
            return
        assert fast.feed(piece) == expected
        assert fast.at_rest == (not plain.line and not plain.telnet)


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_garbage_is_answered_or_refused_but_never_raises_anything_else(pieces: list[bytes]) -> None:
    reader = LineReader()
    for piece in pieces:
        try:
            for line in reader.feed(piece):
                assert answer(line, WELL).text.count("\n") <= len(line) + 8
        except LineTooLong:
            return
