"""What is stored in the table, against a second reading of design section 7: read as it was meant, or refused by key and field."""

from __future__ import annotations

import copy
import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

import pytest

from core import records
from core.records import BadRecord
from tests.fuzz.shapes import Among, Fields, Many, Maybe, Table, Text, Whole, names_one_of, values
from tests.fuzz.tally import amounts, judge, rng

VERDICT = Among(("healthy", "busy", "failing", "unknown"))
PHASE = Among(("waiting", "starting", "running", "stopping", "released"))
VERSION = Whole(most=1)  # a newer one's meaning is not known; fields that are not known are ignored


def keyed(kind: str, must: Mapping[str, Any], may: Mapping[str, Any] | None = None) -> Fields:
    """An item of the table: its partition says what it is, and whose."""

    def belongs(item: Mapping[str, Any]) -> str | None:
        parts = item["pk"].split("#")
        return None if len(parts) == 3 and parts[0] == kind else "pk"

    partition = Text(words=(f"{kind}#ledger#scheduler", f"{kind}##"))
    return Fields({"pk": partition, "version": VERSION, **must}, may or {}, open=True, rules=[belongs])


APPLICATION = Fields({"verdict": VERDICT}, {"restarts": Whole(), "reason": Text()}, open=True)
REPORT = keyed(
    "NODE",
    {
        **dict.fromkeys(("instance", "boot", "address", "agent"), Text()),
        **dict.fromkeys(("seq", "epoch", "at_ms", "ha_port", "http_port", "expires_at"), Whole()),
        "phase": PHASE,
        "verdict": VERDICT,
        "applications": Table(APPLICATION),
    },
)
REQUEST = keyed(
    "NODE",
    {**dict.fromkeys(("instance", "application", "reason"), Text()), **dict.fromkeys(("epoch", "at_ms", "expires_at"), Whole())},
)
LOOK = Fields({"at_ms": Whole(), "verdict": VERDICT, "ha": Text(), "http": Text()}, open=True)
LOOKS = keyed(  # the only one that is known by its sort key: the instance
    "LOOK",
    {"sk": Text(), "looks": Many(LOOK), "report_boot": Text(), **dict.fromkeys(("report_seq", "report_moved_ms", "expires_at"), Whole())},
)
PERMIT = keyed("PERMIT", {"instance": Text(), "epoch": Whole(), "at_ms": Whole()}, {"predecessor": Maybe(Text())})

KINDS: dict[str, tuple[Fields, Callable[[Mapping[str, Any]], Any]]] = {
    "report": (REPORT, records.parse_report),
    "request": (REQUEST, records.parse_request),
    "looks": (LOOKS, records.parse_looks),
    "permit": (PERMIT, records.parse_permit),
}


def items(dice: random.Random, count: int) -> Iterator[tuple[str, Any]]:
    streams = {kind: values(shape, dice, count) for kind, (shape, _) in KINDS.items()}
    for _ in range(count):
        kind = dice.choice(list(KINDS))
        yield kind, next(streams[kind])


def plain(value: Any) -> Any:
    """A record as an item has it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def check(case: tuple[str, Any]) -> None:
    kind, item = case
    shape, parse = KINDS[kind]
    if not isinstance(item, dict):
        return  # the table holds items and nothing else
    wrong = shape.wrong(item, "")
    before = copy.deepcopy(item)
    try:
        record, refusal = parse(item), ""
    except BadRecord as error:
        record, refusal = None, str(error)
    assert item == before, "reading changes nothing"
    if wrong:
        assert record is None, f"wrong are {wrong}, but it was read"
        assert refusal.startswith(f"{item.get('pk')}/{item.get('sk')}: "), "names the item"
        assert names_one_of(refusal, wrong), f"{refusal}: names none of {wrong}"
        return
    assert record is not None, refusal
    found = plain(record)
    assert (found["deployable"], found["assembly"]) == tuple(item["pk"].split("#")[1:])
    for name, value in found.items():
        if name == "applications":
            assert dict(value) == {
                app: {"verdict": told["verdict"], "restarts": told.get("restarts", 0), "reason": told.get("reason", "")}
                for app, told in item["applications"].items()
            }
        elif name == "looks":
            assert value == [{key: look[key] for key in found_look} for look, found_look in zip(item["looks"], value, strict=True)]
        elif name in item:
            assert value == item[name]


@pytest.mark.parametrize("count", amounts("records"))
def test_an_item_is_read_as_it_was_meant_or_refused_by_its_key_and_field(count: int) -> None:
    judge("records", items(rng("records"), count), check)
