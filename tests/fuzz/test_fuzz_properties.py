"""The .properties form of the settings against a second reading of Java's rules, and of the ten properties' bounds."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.node.ha_properties import ha_from_properties, parse_properties
from core.settings import BadSettings
from tests.fuzz.reference_properties import COUNTS, NEEDED, OTHERS, Malformed, meaning, parse
from tests.fuzz.tally import amounts, corpus, judge, rng

PIECES = ["mz.ha.port", "=", ":", " ", "\t", "\f", "\n", "\r\n", "\r", "\\", "\\\\", "\\\n", "\\\n  ", "\\u0041", "\\u00", "\\uD83D\\uDE00"]
PIECES += ["\\ud83d", "\\=", "\\:", "\\ ", "\\n", "\\t", "#", "!", "a", "value", "é", "\x85", "\x0b", "\u2028", "\0", "7810"]
VALUES = [
    "",
    "-1",
    "0",
    "1",
    "5",
    "39",
    "40",
    "41",
    "600",
    "-2",
    "+7",
    "--1",
    "1.5",
    "1e3",
    "40s",
    "0x10",
    " 40 ",
    "00040",
    "٤٠",
    "2147483647",
]
VALUES += [
    "2147483648",
    "-2147483648",
    "99999999999",
    "65535",
    "65536",
    "7810",
    "true",
    "TRUE",
    "False",
    "yes",
    "127.0.0.1",
    "0.0.0.0",
    "::1",
]
VALUES += ["localhost", "a_b.example", "-bad", "1.2.3", "256.1.1.1", "1.2.3.04", "a..b", "/var/log/ha", "relative/log", "x" * 64, "true"]


def texts(dice: random.Random, count: int) -> Iterator[str]:
    for _ in range(count):
        yield "".join(dice.choice(PIECES) for _ in range(dice.randrange(1, 16)))


def check_text(text: str) -> None:
    try:
        wanted: dict[str, str] | None = parse(text)
    except Malformed:
        wanted = None
    refusal = ""
    try:
        found: dict[str, str] | None = parse_properties(text)
    except BadSettings as error:
        found, refusal = None, str(error)
    assert found == wanted
    assert found is not None or "\\u" in refusal, "says what is wrong"


@pytest.mark.parametrize("count", amounts("properties"))
def test_a_properties_text_means_what_java_reads_in_it(count: int) -> None:
    judge("properties", texts(rng("properties"), count), check_text)


@given(st.text(st.sampled_from("ab=: \t\f\n\r\\#!u0041dD83é"), max_size=40))
@settings(max_examples=400, deadline=None, database=None)
def test_an_arbitrary_text_means_what_java_reads_in_it(text: str) -> None:
    judge("properties", [text], check_text)


def test_the_corpus_of_properties_holds() -> None:
    for kept in corpus("properties"):
        check_text(kept.decode())


def chosen(dice: random.Random, count: int) -> Iterator[dict[str, str]]:
    """Some of the ten, most of them well; now and then a key that is none, or another's."""
    for _ in range(count):
        properties = {"mz.ha.enabled": dice.choice(["true", "true", "true", "false", "TRUE", "1"])} if dice.random() < 0.9 else {}
        if dice.random() < 0.9:
            properties["mz.ha.port"] = dice.choice(["7810", "7810", "7810", "1", "65535", "0", "65536", ""])
        for key in (*COUNTS, NEEDED, "mz.ha.interval"):
            if dice.random() < 0.4:
                properties[key] = dice.choice(VALUES[:12] if dice.random() < 0.8 else VALUES)
        for key in ("mz.ha.host", "mz.ha.log_file"):
            if dice.random() < 0.3:
                properties[key] = dice.choice(VALUES[-15:])
        if dice.random() < 0.1:
            properties[dice.choice(["mz.ha.memory", "mz.ha.", "mz.ha.PORT", "mz.hb.port", "pico.type", *OTHERS])] = dice.choice(VALUES)
        yield properties


def check_meaning(properties: dict[str, str]) -> None:
    wanted = meaning(properties)
    try:
        ha, counters, warnings = ha_from_properties(properties)
        refusal = None
    except BadSettings as error:
        refusal = str(error)
    if isinstance(wanted, set):
        assert refusal is not None, f"must be refused for one of {wanted}"
        assert any(key in refusal for key in wanted), f"{refusal}: names none of {wanted}"
        return
    assert refusal is None
    assert (None if ha is None else (ha.port, ha.host, ha.log_folder)) == wanted.port
    rules = set()
    for rule in counters.rules if counters is not None else ():
        bounds = [(bound, value) for bound, value in (("at_least", rule.at_least), ("at_most", rule.at_most)) if value != -1]
        rules |= {(rule.name, bound, value, rule.needs) for bound, value in bounds}
    assert rules == set(wanted.rules)
    assert counters is None or counters.interval_s == wanted.interval_s
    assert bool(warnings) == wanted.raised, "an interval below 40 is raised, and that is said"


@pytest.mark.parametrize("count", amounts("ha properties"))
def test_the_ten_properties_mean_what_the_page_says_or_are_refused_by_name(count: int) -> None:
    judge("ha properties", chosen(rng("ha properties"), count), check_meaning)
