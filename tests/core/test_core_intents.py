"""An operator's word: it needs a reason, it ends by itself, and what is stored is read back or refused by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.items import BadRecord
from core.recovery.intents import EVERY, KEPT_S, LONGEST_S, BadIntent, Intent, Kind, asked, intent_item, parse_intent, standing, taken_back

NOW = 1_800_000_000_000
HOUR_MS = 3_600_000


def word(kind: Kind = Kind.PAUSE, target: str = "counter", *, hours: float = 2, **more: Any) -> Intent:
    return asked(kind, target, deployable="demo", reason="new switch", who="ann", now_ms=NOW, for_s=hours * 3600, **more)


def test_a_word_holds_until_it_ends_by_itself() -> None:
    said = word()

    assert said.revision == 0, "not written yet"
    assert said.holds(NOW)
    assert said.holds(NOW + 2 * HOUR_MS - 1)
    assert not said.holds(NOW + 2 * HOUR_MS)


def test_a_word_that_is_taken_back_holds_no_more_and_says_who_did_it() -> None:
    over = taken_back(word(), who="bob", reason="done early", now_ms=NOW + 60_000)

    assert not over.holds(NOW + 60_001)
    assert (over.ended_by, over.ended_reason, over.reason) == ("bob", "done early", "new switch")


@pytest.mark.parametrize("kind", list(Kind))
def test_no_word_holds_for_longer_than_its_kind_may(kind: Kind) -> None:
    word(kind, hours=LONGEST_S[kind] / 3600)

    with pytest.raises(BadIntent, match="at most"):
        word(kind, hours=LONGEST_S[kind] / 3600 + 1)


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_word_without_a_reason_is_refused(reason: str) -> None:
    with pytest.raises(BadIntent, match="a reason is needed"):
        asked(Kind.PAUSE, "counter", deployable="demo", reason=reason, who="ann", now_ms=NOW, for_s=60)
    with pytest.raises(BadIntent, match="a reason is needed"):
        taken_back(word(), who="ann", reason=reason, now_ms=NOW)


def test_a_window_begins_later_and_holds_as_long() -> None:
    window = word(Kind.MAINTENANCE, begins_ms=NOW + HOUR_MS)

    assert (window.holds(NOW), window.is_to_come(NOW)) == (False, True)
    assert window.holds(NOW + HOUR_MS)
    assert not window.holds(NOW + 3 * HOUR_MS)
    assert not window.is_to_come(NOW + HOUR_MS)
    assert not taken_back(window, who="bob", reason="called off", now_ms=NOW).is_to_come(NOW)


@pytest.mark.parametrize("off_ms", [-HOUR_MS, 31 * 24 * HOUR_MS])
def test_a_window_in_the_past_or_in_another_season_is_refused(off_ms: int) -> None:
    with pytest.raises(BadIntent, match="begin"):
        word(Kind.MAINTENANCE, begins_ms=NOW + off_ms)


@pytest.mark.parametrize("edge_ms", [-60_000, 30 * 24 * HOUR_MS])
def test_a_window_may_begin_a_minute_ago_or_thirty_days_from_now_and_no_further_off(edge_ms: int) -> None:
    assert word(Kind.MAINTENANCE, begins_ms=NOW + edge_ms).from_ms == NOW + edge_ms
    with pytest.raises(BadIntent, match=f"begin {edge_ms / HOUR_MS:.1f} hours from now: between now and 30 days"):
        word(Kind.MAINTENANCE, begins_ms=NOW + edge_ms + (1 if edge_ms > 0 else -1))


def test_a_word_holds_for_a_moment_at_least_and_for_as_long_as_its_kind_may() -> None:
    assert word(hours=1 / 3600).until_ms == NOW + 1000
    for hours in (0, -1):
        with pytest.raises(BadIntent, match="it may hold for at most 7 days, and then it is said again"):
            word(hours=hours)
    days = {kind.value: longest_s / 86400 for kind, longest_s in LONGEST_S.items()}
    assert days == {"pause": 7, "maintenance": 7, "shadow": 30, "replace": 1, "resume": 1}


def test_who_does_not_say_who_they_are_is_unknown_and_what_is_too_long_is_cut() -> None:
    said = asked(Kind.PAUSE, "counter", deployable="demo", reason="r" * 999, who=" ", now_ms=NOW, for_s=60)
    over = taken_back(said, who="", reason=" e" * 999, now_ms=NOW)

    assert (said.who, len(said.reason)) == ("unknown", 240)
    assert (over.ended_by, len(over.ended_reason)) == ("unknown", 240)
    assert len(taken_back(said, who="w" * 999, reason="e", now_ms=NOW).ended_by) == 120


def test_what_stands_for_an_assembly_is_what_names_it_or_every_one() -> None:
    said = [word(), word(Kind.SHADOW, EVERY), word(Kind.PAUSE, "other"), word(Kind.REPLACE, "i-0aaa"), word(Kind.RESUME, "0001-i-0aaa")]

    mine, other = standing(said, "counter", NOW), standing(said[1:], "counter", NOW)

    assert mine.paused == said[0]
    assert mine.shadow == said[1]
    assert (list(mine.replace), mine.resumed) == (["i-0aaa"], ("0001-i-0aaa",))
    assert other.paused is None


def test_of_a_pause_and_a_maintenance_at_once_the_longer_one_is_named() -> None:
    long = word(Kind.MAINTENANCE, EVERY, hours=3)

    assert standing([word(), long], "counter", NOW).paused == long


@pytest.mark.parametrize("kind", list(Kind))
def test_an_item_reads_back_as_it_was_and_is_kept_as_long_as_evidence(kind: Kind) -> None:
    said = taken_back(replace(word(kind), revision=3), who="bob", reason="over", now_ms=NOW + 1)
    item = intent_item(said)

    assert parse_intent(item) == said
    assert item["sk"] == f"{kind.value.upper()}#counter"
    assert item["expires_at"] == said.until_ms // 1000 + KEPT_S
    assert (item["version"], KEPT_S) == (1, 90 * 86400)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "version is 2"),
        ({"version": "1"}, "version is '1'"),
        ({"version": None}, "version is None"),
        ({"pk": "INTENT#"}, "expected INTENT#DEPLOYABLE"),
        ({"reason": 7}, "reason is 7, expected str"),
        ({"until_ms": "soon"}, "until_ms is 'soon', expected int"),
        ({"revision": True}, "revision is True, expected int"),
        ({"sk": "NAP#counter"}, "'NAP' is none of PAUSE"),
        ({"sk": "PAUSE"}, "expected INTENT#DEPLOYABLE and KIND#TARGET"),
        ({"pk": "PERMIT#demo#counter"}, "expected INTENT#DEPLOYABLE"),
    ],
)
def test_an_item_that_cannot_be_read_names_its_key_and_its_field(change: dict[str, Any], said: str) -> None:
    item = {**intent_item(word()), **change}

    with pytest.raises(BadRecord, match=said) as caught:
        parse_intent(item)
    assert f"{item['pk']}/{item['sk']}" in str(caught.value)
