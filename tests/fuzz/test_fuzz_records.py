"""What is stored in the table, against a second reading of design section 7: read as it was meant, or refused by key and field."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.reporter import REPORT_BYTES_MAX, fit
from core import items as stored
from core.items import BadRecord, parse_report, report_item
from core.model import Verdict
from core.records import ApplicationReport, Phase, Report
from tests.fuzz.shapes import Among, Fields, Many, Maybe, Table, Text, Whole, names_one_of, values
from tests.fuzz.tally import amounts, corpus, judge, rng

VERDICT = Among(("healthy", "busy", "failing", "unknown"))
PHASE = Among(("prepared", "waiting", "starting", "running", "stopping", "released"))
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
    "report": (REPORT, stored.parse_report),
    "request": (REQUEST, stored.parse_request),
    "looks": (LOOKS, stored.parse_looks),
    "permit": (PERMIT, stored.parse_permit),
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


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = {kind: sorted({"pk", "sk", "version", *shape.must, *shape.may}) for kind, (shape, _) in KINDS.items()}


@given(
    st.sampled_from(sorted(KINDS)).flatmap(lambda kind: st.tuples(st.just(kind), st.dictionaries(st.sampled_from(KEYS[kind]), anything)))
)
@settings(max_examples=150, deadline=None, database=None)
def test_an_item_of_anything_at_all_is_refused_by_its_key_and_field(case: tuple[str, Any]) -> None:
    kind, item = case
    judge("records", [(kind, {"pk": "NODE##", **item} if not isinstance(item.get("pk", ""), str) else item)], check)


def test_the_corpus_of_records_holds() -> None:
    for text in corpus("records"):
        case = json.loads(text)
        check((case["kind"], case["item"]))


# --- what the agent writes ---------------------------------------------------------------------------------------

told = st.builds(ApplicationReport, verdict=st.sampled_from(Verdict), restarts=st.integers(0, 2**31), reason=st.text(max_size=300))
names = st.from_regex(r"[a-z][a-z0-9-]{0,31}", fullmatch=True)
texts = st.text(max_size=40)
reports = st.builds(
    Report,
    deployable=names,
    assembly=names,
    instance=st.just("i-0123456789abcdef0"),
    boot=st.just("2f6b1a0e-6e1c-4c5e-9d0e-0123456789ab"),
    seq=st.integers(1, 2**40),
    epoch=st.integers(0, 2**40),
    at_ms=st.integers(0, 2**42),
    phase=st.sampled_from(Phase),
    verdict=st.sampled_from(Verdict),
    applications=st.dictionaries(names, told, max_size=40).map(lambda by_name: tuple(by_name.items())),
    address=st.just("10.20.30.40"),
    ha_port=st.integers(1, 65535),
    http_port=st.integers(1, 65535),
    agent=texts,
    expires_at=st.integers(0, 2**33),
)


@given(reports)
@settings(max_examples=60, deadline=None, database=None)
def test_whatever_happened_the_report_fits_is_read_again_and_makes_nothing_better_than_it_is(whole: Report) -> None:
    fitted = fit(whole)
    item = report_item(fitted)

    assert len(json.dumps(item, ensure_ascii=False).encode()) <= REPORT_BYTES_MAX
    check(("report", item))
    again = parse_report(item)
    assert dataclasses.replace(again, applications=()) == dataclasses.replace(whole, applications=())
    known = dict(whole.applications)
    assert len(known) < 5 or again.applications, "some are always told of"
    assert all(known[name].verdict is about.verdict for name, about in again.applications)
    if any(about.verdict is Verdict.FAILING for about in known.values()):
        assert any(about.verdict is Verdict.FAILING for _, about in again.applications), "who fails is told of first"
