"""The managed block of the hosts file, against a second reading of its rules: ours is right, every other line is as it was."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest

from core.node.hosts import BEGIN, END, with_block
from tests.fuzz.tally import amounts, corpus, judge, rng

OTHERS = [
    "127.0.0.1 localhost",
    "",
    "# a comment",
    "::1 ip6-localhost",
    "10.0.0.9\tplatform db # ours too",
    "\t",
    "garbage",
    "# understudy",
    "é\x85\x0c",
]
MARKERS = [
    BEGIN,
    END,
    "# understudy begin",
    "# understudy begin (an older version's words)",
    f"{END} ",
    f"{BEGIN}\r",
    "# understudy beginning",
]
ENTRIES = [(), (("10.0.0.1", "platform"),), (("10.0.0.1", "platform"), ("203.0.113.7", "front.example"))]

Case = tuple[str, tuple[tuple[str, str], ...]]
# A marker is a whole line; blanks and a carriage return at its end do not hide it.
BEGINS = re.compile(r"# understudy begin( .*)?")


def cases(dice: random.Random, count: int) -> Iterator[Case]:
    for _ in range(count):
        lines = []
        for _ in range(dice.randrange(8)):
            what = dice.random()
            if what < 0.55:
                lines.append(dice.choice(OTHERS))
            elif what < 0.75:
                lines.append(dice.choice(MARKERS))
            else:
                lines += [BEGIN, *dice.sample(OTHERS, dice.randrange(3)), END]
        yield "\n".join(lines) + dice.choice(("", "\n")), dice.choice(ENTRIES)


def kind(line: str) -> str:
    """b: begins a block, e: ends one, o: another's line."""
    line = line.rstrip(" \t\r")
    return "e" if line == END else "b" if BEGINS.fullmatch(line) else "o"


def reference(text: str, entries: tuple[tuple[str, str], ...]) -> str:
    """By the pattern of the lines' kinds: `b`, others, `e` is a block; a marker of none is taken out."""
    lines = text.split("\n")
    kinds = "".join(map(kind, lines))
    blocks = [match.span() for match in re.finditer("bo*e", kinds)]
    ours = {number for begin, end in blocks for number in range(begin, end)}
    keep = [number for number, letter in enumerate(kinds) if letter == "o" and number not in ours]
    first = blocks[0][0] if blocks else 0
    before, after = [lines[n] for n in keep if n < first], [lines[n] for n in keep if n >= first]
    block = [BEGIN, *(f"{address}\t{name}" for address, name in entries), END] if entries else []
    return "\n".join([*before, *block, *(after or ([""] if block or blocks else []))])


def check(case: Case) -> None:
    text, entries = case
    written = with_block(text, entries)
    assert written == reference(text, entries)
    assert with_block(written, entries) == written, "doing it twice changes nothing"
    assert written.count(BEGIN) == bool(entries)
    if entries:
        assert with_block(with_block(written, ()), ()) == with_block(written, ()), "and it can be taken out"


@pytest.mark.parametrize("count", amounts("hosts"))
def test_our_block_is_right_and_every_other_line_is_as_it_was(count: int) -> None:
    judge("hosts", cases(rng("hosts"), count), check)


def test_the_corpus_of_hosts_files_holds() -> None:
    for text in corpus("hosts"):
        for entries in ENTRIES:
            check((text.decode(), entries))
