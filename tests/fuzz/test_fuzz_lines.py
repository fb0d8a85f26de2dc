"""The HA port's protocol against a second reading of its rules: any bytes, cut anywhere."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model import Verdict
from core.node.ha_port import LineReader, LineTooLong, Told, View, answer
from tests.fuzz.reference_lines import Node, kind_of, lines_of
from tests.fuzz.tally import amounts, corpus, judge, rng

COMMANDS = ["ping", "PING", "Ping", "help", "status", "haproxy", "quit", "exit", "ping web", "ping WEB", "ping nobody", "ping web db", ""]
TELNET = [
    b"\xff\xfb\x01",
    b"\xff\xfd\x03",
    b"\xff\xf1",
    b"\xff\xff",
    b"\xff\xfa\x18\x00vt100\xff\xf0",
    b"\xff\xfa\xff\xff\xff\xf0",
    b"\xff",
]
ENDS = [b"\n", b"\r\n", b"\r\r\n", b"\r", b""]


def view_of(node: Node) -> View:
    told = {name: Told(Verdict(verdict), reason) for name, (verdict, reason) in node.applications.items()}
    return View(subject=Told(Verdict(node.node[0]), node.node[1]), applications=told, status={"phase": "running"})


def conversations(dice: random.Random, count: int) -> Iterator[tuple[bytes, list[int]]]:
    """What a client may send, and where it is cut on its way."""
    for _ in range(count):
        sent = b""
        for _ in range(dice.choice((1, 1, 2, 3, 6))):
            shape = dice.random()
            if shape < 0.55:
                sent += dice.choice(COMMANDS).encode()
            elif shape < 0.7:
                sent += dice.randbytes(dice.choice((1, 3, 20)))
            elif shape < 0.8:
                sent += b"x" * dice.choice((254, 255, 256, 257, 258, 300))
            else:
                sent += dice.choice(TELNET)
            sent += dice.choice(ENDS)
        yield sent, sorted(dice.randrange(len(sent) + 1) for _ in range(dice.choice((0, 1, 3))))


def read(sent: bytes, cuts: list[int]) -> tuple[list[str], bool]:
    """What our reader makes of it, cut there."""
    reader, lines = LineReader(), []
    for begin, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        try:
            lines += reader.feed(sent[begin:end])
        except LineTooLong:
            return lines, True
    return lines, False


def check_lines(conversation: tuple[bytes, list[int]]) -> None:
    sent, cuts = conversation
    wanted, too_long = lines_of(sent)
    lines, refused = read(sent, cuts)
    assert refused == too_long, f"refused: {refused}, wanted: {too_long}"
    # Lines that came in one piece with one that is too long may be dropped with it: the connection is closed.
    assert lines == (wanted[: len(lines)] if too_long else wanted)


@pytest.mark.parametrize("count", amounts("lines"))
def test_bytes_cut_anywhere_give_the_lines_that_the_rules_say(count: int) -> None:
    judge("lines", conversations(rng("lines"), count), check_lines)


@given(st.binary(max_size=700), st.lists(st.integers(0, 700), max_size=5))
@settings(max_examples=300, deadline=None, database=None)
def test_arbitrary_bytes_give_the_lines_that_the_rules_say(sent: bytes, cuts: list[int]) -> None:
    judge("lines", [(sent, sorted(min(cut, len(sent)) for cut in cuts))], check_lines)


def test_the_corpus_of_lines_holds_whole_and_byte_by_byte() -> None:
    for sent in corpus("lines"):
        check_lines((sent, []))
        check_lines((sent, list(range(len(sent)))))


def nodes(dice: random.Random) -> Node:
    def told() -> tuple[str, str]:
        reason = "".join(dice.choice("abc :;\r\n\0\x7fé€\U0001f600#") for _ in range(dice.choice((0, 5, 300))))
        return dice.choice(["healthy", "busy", "failing", "unknown"]), reason

    return Node(told(), {name: told() for name in ("web", "db")})


def questions(dice: random.Random, count: int) -> Iterator[tuple[str, Node]]:
    for _ in range(count):
        line = dice.choice(COMMANDS)
        for _ in range(dice.choice((0, 0, 1, 2))):
            at = dice.randrange(len(line) + 1)
            line = line[:at] + dice.choice(["", " ", "\t", "x", "\xa0", "\0", "é", "ß", "İ".encode().decode("latin-1"), "P"]) + line[at:]
        yield line, nodes(dice)


def check_answer(question: tuple[str, Node]) -> None:
    line, node = question
    kind, reason = kind_of(line, node)
    said = answer(line, view_of(node))
    assert said.close == (kind == "close")
    assert said.error == (kind == "error")
    assert said.text.isascii()
    assert said.text == "" or said.text.endswith("\r\n")
    *answers, last = said.text.split("\r\n")
    assert last == ""
    assert all(" " <= char <= "~" for text in answers for char in text), "a reason cannot forge a line"
    if kind in ("nothing", "close"):
        assert answers == []
    elif kind == "help":
        assert all(any(text.startswith(word) for text in answers) for word in ("help", "ping", "status", "haproxy", "quit, exit"))
    else:
        assert len(answers) == 1, "one line, whatever the reason"
    if kind == "status":
        assert json.loads(answers[0]) == {"phase": "running"}
    elif kind == "error":
        assert answers[0].startswith("ERROR ")
    elif kind == "OK":
        assert answers == ["OK"]
    elif kind == "FAILED":
        assert answers[0].startswith("FAILED ")
        printable = "".join(char if " " <= char <= "~" else "?" for char in reason)
        assert printable[:150] in answers[0]


@pytest.mark.parametrize("count", amounts("answers"))
def test_every_line_is_answered_with_the_word_that_the_rules_say(count: int) -> None:
    judge("answers", questions(rng("answers"), count), check_answer)
