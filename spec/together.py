"""What shows only when several files are read together, as one account is to hold them: a name twice, networks that overlap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from spec import document
from spec.foundation import is_foundation, load_foundation
from spec.load import load
from spec.problems import KeyPath, Problem, SpecError, key_text, value_text
from spec.reading import read_raw


@dataclass(frozen=True, slots=True)
class _Read:
    """cidr: None for a deployable whose network is a shared foundation's."""

    path: Path
    kind: str
    name: str
    cidr: str | None


def check_together(path: Path, beside: Sequence[Path]) -> None:
    """One file by itself, and beside others, which are right. Raises SpecError with its problems."""
    one = _read(path)
    problems = tuple(_problems(one, [_read(other) for other in beside]))
    if problems:
        raise SpecError(str(path), problems)


def _read(path: Path) -> _Read:
    if is_foundation(path):
        found = load_foundation(path)
        return _Read(path, "foundation", found.name, found.network.cidr)
    deployable = load(path)
    return _Read(path, "deployable", deployable.name, deployable.network.cidr if deployable.foundation is None else None)


def _problems(one: _Read, others: Sequence[_Read]) -> Iterator[Problem]:
    for other in others:
        if (one.kind, one.name) == (other.kind, other.name):
            remedy = "give each a name of its own: a deploy of this one would change that one"
            yield _problem(one, (one.kind,), one.name, f"is the name of {other.path} already", remedy)
        if one.cidr is not None and other.cidr is not None and IPv4Network(one.cidr).overlaps(IPv4Network(other.cidr)):
            # https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html
            yield _problem(
                one,
                ("network", "cidr"),
                one.cidr,
                f"overlaps {other.cidr} of {other.path}: AWS connects no two networks that have an address in common",
                "give each a range of its own, or let them share a foundation",
            )


def _problem(one: _Read, where: KeyPath, value: str, message: str, remedy: str) -> Problem:
    """A key that the file leaves out has no line."""
    line = document.parse(read_raw(one.path)).line(where) if one.path.suffix in (".yaml", ".yml") else None
    return Problem(key=key_text(where), value=value_text(value), line=line, message=message, remedy=remedy)
