"""How many generated inputs were judged, and from which seed; printed at the end of a run."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent / "corpus"
# The same inputs in every run, so that a failure can be looked at; FUZZ_SEED=2 draws others.
SEED = int(os.environ.get("FUZZ_SEED", "1"))
WANTED = 200_000  # in the heavy tier, over all subjects
# What each subject contributes there; and a fiftieth of it in the ordinary run.
HEAVY = {
    "lines": 70_000,
    "answers": 30_000,
    "properties": 25_000,
    "ha properties": 15_000,
    "records": 30_000,
    "settings": 25_000,
    "state": 15_000,
    "given up": 10_000,
    "statsd": 20_000,
    "hosts": 10_000,
}
SAMPLE_SHARE = 50

judged: Counter[str] = Counter()


assert sum(HEAVY.values()) >= WANTED


def rng(subject: str) -> random.Random:
    """Of one subject: the others do not shift it."""
    return random.Random(f"{SEED}/{subject}")  # noqa: S311  # nothing secret: it must repeat


def amounts(subject: str) -> list[Any]:
    """Parameters for `count`: a sample, and the whole in the heavy tier."""
    import pytest

    whole = HEAVY[subject]
    return [
        pytest.param(whole // SAMPLE_SHARE, id="sample"),
        pytest.param(whole, id=f"{whole} inputs", marks=pytest.mark.heavy),
    ]


def judge(subject: str, inputs: Iterable[Any], check: Callable[[Any], None]) -> None:
    """Check each input and count it; a failure names the input, so that it can become a corpus file."""
    for value in inputs:
        try:
            check(value)
        except Exception as error:  # raised again, with the input
            raise AssertionError(f"{subject}, seed {SEED}, input {value!r}: {type(error).__name__}: {error}") from error
        judged[subject] += 1


def corpus(subject: str) -> Iterator[bytes]:
    """Inputs worth keeping: edges of the rules, and whatever was once wrong."""
    found = sorted((CORPUS / subject).iterdir())
    assert found, f"no corpus for {subject}"
    for path in found:
        yield path.read_bytes()
