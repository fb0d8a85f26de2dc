"""What the agent reads of its own after a restart: understood as it was meant, or refused by file and key."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.notes import notes_to_json
from agent.state_file import BadState, read_given_up, read_notes, write_given_up, write_notes
from tests.fuzz.shapes import Among, Fields, Many, Maybe, Number, Table, Text, Truth, Whole, names_one_of, values
from tests.fuzz.tally import amounts, corpus, judge, rng

INSTANCE = "i-1"
NUMBER = Number(magnitude=1e15)  # neither NaN nor infinite; JSON as Python writes it has both
COUNT = Whole(least=0, most=2**63 - 1)
TEXT = Text(chars_max=1000)
IDENTITY = Fields({"pid": COUNT, "start_ticks": COUNT, "boot_id": TEXT, "cgroup": TEXT, "mark": TEXT}, {"unit": Maybe(TEXT)}, open=True)
HISTORY = Fields(
    {"failed_at_s": Many(NUMBER, most=100), "in_a_row": COUNT, "last": TEXT, "penalty": NUMBER, "penalty_at_s": NUMBER},
    {"retry_at_s": Maybe(NUMBER), "asks": Maybe(TEXT)},
    open=True,
)
NOTE = Fields(
    {
        **dict.fromkeys(("run", "epoch", "begun_ticks", "counted"), COUNT),
        "begun_at_s": NUMBER,
        "ready": Truth(),
        "history": HISTORY,
    },
    {"identity": Maybe(IDENTITY), "hold": Maybe(Fields({"hard": Truth(), "at_ms": COUNT}, open=True))},
    open=True,
)
NOTES = Fields(
    {
        "version": Among((1,)),
        "instance": Text(chars_max=1000, words=(INSTANCE, INSTANCE, "i-another")),
        "boot": TEXT,
        "number": COUNT,
        "was_running": Truth(),
        "applications": Table(NOTE),
    },
    open=True,
)
# Of a permit given up, whose it was is compared and nothing more: a copied image's file says another's, whatever it says.
GIVEN_UP = Fields({"version": Among((1,)), "epoch": Whole(least=0)}, {"instance": Text(words=(INSTANCE, "i-another"))}, open=True)


def torn(text: bytes, dice: random.Random) -> bytes:
    """What a disk may give back: the whole, a part, or with a byte changed."""
    what = dice.random()
    if what < 0.85 or not text:
        return text
    if what < 0.93:
        return text[: dice.randrange(len(text))]
    at = dice.randrange(len(text))
    return text[:at] + dice.randbytes(1) + text[at + 1 :]


def files(shape: Fields, dice: random.Random, count: int) -> Iterator[bytes]:
    for value in values(shape, dice, count):
        yield torn(json.dumps(value).encode(), dice)


def judged_by(shape: Fields, text: bytes) -> tuple[Any, list[str] | None]:
    """The value and what is wrong with it; None: it is no JSON at all."""
    try:
        value = json.loads(text.decode())
    except (ValueError, RecursionError):
        return None, None
    return value, shape.wrong(value, "")


def check_given_up(folder: Path, text: bytes) -> None:
    (folder / "given-up.json").write_bytes(text)
    value, wrong = judged_by(GIVEN_UP, text)
    wrong = [path for path in wrong if path != "instance"] if wrong is not None else None
    try:
        epoch, refusal = read_given_up(folder, INSTANCE), ""
    except BadState as error:
        epoch, refusal = None, str(error)
    if wrong != []:
        assert epoch is None, "starting what may have been given up is worse than not starting"
        assert str(folder) in refusal
        assert names_one_of(refusal, wrong or [])
    else:
        assert epoch == (value["epoch"] if value.get("instance") == INSTANCE else 0), refusal


def check_notes(folder: Path, text: bytes) -> None:
    path = folder / "applications.json"
    path.write_bytes(text)
    value, wrong = judged_by(NOTES, text)
    try:
        notes, refusal = read_notes(path, INSTANCE), ""
    except BadState as error:
        notes, refusal = None, str(error)
    if wrong != []:
        assert notes is None
        assert str(folder) in refusal, "refused, naming the file"
        assert names_one_of(refusal, wrong or [])
        return
    assert not refusal, refusal
    assert (notes is None) == (value["instance"] != INSTANCE), "another instance's are not ours"
    if notes is None:
        return
    assert (notes.boot, notes.number, notes.was_running) == (value["boot"], value["number"], value["was_running"])
    assert set(notes.applications) == {str(name)[:100] for name in value["applications"]}
    for name, told in value["applications"].items():
        found = json.loads(json.dumps(asdict(notes.applications[str(name)[:100]])))
        for key in (*NOTE.must, *NOTE.may):
            assert_says(found[key], told.get(key))
    write_notes(path, notes, durable=False)
    again = read_notes(path, INSTANCE)
    assert again is not None
    assert notes_to_json(again) == notes_to_json(notes), "what is written is read again"


def assert_says(found: Any, told: Any) -> None:
    """The same, for every key that is ours: those of a newer agent are left out."""
    if isinstance(found, dict):
        for key, value in found.items():
            assert_says(value, told.get(key))
    else:
        assert found == told


@pytest.mark.parametrize("count", amounts("state"))
def test_the_notes_of_a_former_life_are_understood_or_refused_by_file_and_key(count: int, tmp_path: Path) -> None:
    judge("state", files(NOTES, rng("notes"), count), lambda text: check_notes(tmp_path, text))


@pytest.mark.parametrize("count", amounts("given up"))
def test_a_permit_given_up_is_understood_or_the_agent_does_not_start(count: int, tmp_path: Path) -> None:
    judge("given up", files(GIVEN_UP, rng("given up"), count), lambda text: check_given_up(tmp_path, text))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NOTES.must, *NOTE.must, "epoch", "web"]), inner),
    max_leaves=8,
)


@given(st.binary(max_size=200) | anything.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=200, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_of_anything_at_all_is_understood_or_refused_by_its_name(tmp_path: Path, text: bytes) -> None:
    judge("state", [text], lambda text: check_notes(tmp_path, text))
    judge("given up", [text], lambda text: check_given_up(tmp_path, text))


def test_the_corpus_of_state_files_holds(tmp_path: Path) -> None:
    for text in corpus("state"):
        check_given_up(tmp_path, text)
        check_notes(tmp_path, text)


def test_what_is_given_up_is_read_again(tmp_path: Path) -> None:
    write_given_up(tmp_path, INSTANCE, 7)

    assert read_given_up(tmp_path, INSTANCE) == 7
    assert read_given_up(tmp_path, "i-another") == 0
