"""What an application counts, against a second reading of statsd's line: whatever it sends, nothing is counted that it did not say."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterator
from decimal import ROUND_FLOOR, Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.counting import COUNTERS_MAX, DATAGRAM_BYTES_MAX, Counting
from core.application import Application, Run
from core.bounds import CounterRule, Counters
from tests.fuzz.tally import amounts, corpus, judge, rng

NAMES = ["activations", "aborts", "a.b-c_d", "x" * 100, "x" * 101, "", "a b", "a:b", "é"]
VALUES = [
    "1",
    "0",
    "12",
    "0.5",
    "1.25",
    "-1",
    "+1",
    "1e3",
    "",
    "999999999999999",
    "1234567890123456",
    "0.123456789",
    "0.1234567890",
    ".5",
    "1.",
]
ENDS = [
    "|c",
    "|c|@0.1",
    "|c|@1",
    "|c|@0",
    "|c|@2",
    "|c|@.25",
    "|c|@",
    "|c|#env:x",
    "|g",
    "|ms",
    "",
    "|c\r",
    "|C",
    "|c|@0.3333333",
    "|c|@1.0|#a",
]
APPLICATION = Application(
    name="web", run=Run(exec=("/bin/true",)), counters=Counters(rules=(CounterRule(name="aborts", at_most=5, needs=("activations", 1)),))
)
WANTED = ("aborts", "activations")


def datagrams(dice: random.Random, count: int) -> Iterator[list[bytes]]:
    """What one application sends in a while: mostly lines, now and then anything."""
    for _ in range(count):
        sent = []
        for _ in range(dice.choice((1, 1, 2, 4))):
            lines = []
            for _ in range(dice.choice((1, 1, 2, 5))):
                line = dice.choice(NAMES[:3] if dice.random() < 0.8 else NAMES) + ":" + dice.choice(VALUES) + dice.choice(ENDS)
                lines.append(line.encode() if dice.random() < 0.9 else dice.randbytes(dice.randrange(12)))
            sent.append(b"\n".join(lines) + dice.choice((b"", b"\n")))
        if dice.random() < 0.02:
            sent.append(b"\n".join(b"c%d:1|c" % n for n in range(dice.choice((90, 120)))))
        if dice.random() < 0.02:
            sent.append(b"a:1|c\n" * dice.choice((238, 239, 300)))
        yield sent


def read(line: bytes) -> tuple[str, int] | None:
    """A line's counter and what it adds, in millionths; None when it is no counter. By cutting, where the agent has one expression."""
    name, colon, rest = line.removesuffix(b"\r").decode("latin-1").partition(":")
    value, *parts = rest.split("|")
    plain = name != "" and len(name) <= 100 and all("!" <= char <= "~" and char not in ":|" for char in name)
    if not (colon and plain and parts and parts[0] == "c"):
        return None
    if parts[1:] and parts[-1].startswith("#"):
        if not all(" " <= char <= "~" for char in parts[-1]):
            return None
        parts.pop()
    if len(parts) > 2 or (len(parts) == 2 and not parts[1].startswith("@")):
        return None
    whole, dot, fraction = value.partition(".")
    digits = set("0123456789")
    if not whole or len(whole) > 15 or not set(whole + fraction) <= digits or (dot and not 1 <= len(fraction) <= 9):
        return None
    share = Decimal(1)
    if len(parts) == 2:
        if re.fullmatch(r"[01]|[01]?\.[0-9]{1,6}", parts[1][1:]) is None:
            return None
        share = Decimal(parts[1][1:])
    if not 0 < share <= 1:
        return None
    with localcontext() as context:
        context.prec = 60
        return name, int((Decimal(value) * 1_000_000 / share).to_integral_value(ROUND_FLOOR))


def check(sent: list[bytes]) -> None:
    """Raises AssertionError when the agent counts otherwise."""
    counting, totals, ignored = Counting(APPLICATION), {}, 0
    for datagram in sent:
        counting.heed(datagram)
        if len(datagram) > DATAGRAM_BYTES_MAX:
            ignored += 1
            continue
        for line in datagram.split(b"\n"):
            if set(line) <= {13}:
                continue
            found = read(line)
            if found is None or (found[0] not in totals and found[0] not in WANTED and len(totals) >= COUNTERS_MAX):
                ignored += 1
            else:
                totals[found[0]] = totals.get(found[0], 0) + found[1]
    assert counting.totals == {name: total // 1_000_000 for name, total in totals.items()}
    assert counting.ignored == ignored


@pytest.mark.parametrize("count", amounts("statsd"))
def test_what_is_sent_is_counted_as_statsd_has_it_and_nothing_else(count: int) -> None:
    async def all_of_them() -> None:
        judge("statsd", datagrams(rng("statsd"), count), check)

    asyncio.run(all_of_them())


@given(st.lists(st.text(st.sampled_from("ab:|c@#.0159\n\r -+e"), max_size=30).map(str.encode), max_size=3))
@settings(max_examples=300, deadline=None, database=None)
def test_arbitrary_datagrams_are_counted_as_statsd_has_it(sent: list[bytes]) -> None:
    judge("statsd", [sent], check)


def test_the_corpus_of_datagrams_holds() -> None:
    for datagram in corpus("statsd"):
        check([datagram])
        check([datagram, datagram])
