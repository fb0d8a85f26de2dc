"""How many replacements the assemblies on one foundation may still make: one item, written on condition."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from core import names
from core.items import BadRecord

VERSION = 1
WINDOW_SK = "REPLACEMENTS"
ENTRIES_MAX = 100  # of some 120 bytes each: well under the 400 KB of an item, and twice what the largest budget lets through in its window
KEPT_S = 30 * 86400.0  # the longest window that a file may give a tolerance (spec.section)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One assembly found down. replaced: a replacement was allowed (or AWS made it by itself).

    rung: it is past its tolerance, so that its whole deployable is recreated. along: the deployable's other assemblies, which are
    replaced with it though nothing was found wrong with them.
    """

    at_ms: int
    deployable: str
    assembly: str
    incident: str
    replaced: bool
    rung: bool = False
    along: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """revision: of the stored item, 0 when there is none; a write is conditional on it.

    What decisions ask of the entries is sorted out once, when they are read: times of all replacements, of each assembly's, and of the
    last time that each assembly was down (down_ms), all ascending; and which incidents have replaced.
    """

    revision: int = 0
    entries: tuple[Entry, ...] = ()
    replaced_ms: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _replaced_of_ms: Mapping[tuple[str, str], tuple[int, ...]] = field(init=False, repr=False, compare=False)
    _last_down_of_ms: Mapping[tuple[str, str], int] = field(init=False, repr=False, compare=False)
    down_ms: tuple[int, ...] = field(init=False, repr=False, compare=False)
    paid_for: frozenset[str] = field(init=False, repr=False, compare=False)
    _last_rung_of: Mapping[str, Entry] = field(init=False, repr=False, compare=False)
    _of: Mapping[str, Entry] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        replaced = [e for e in self.entries if e.replaced]
        last = {(e.deployable, e.assembly): e.at_ms for e in sorted(self.entries, key=lambda e: e.at_ms)}
        of = {name: tuple(sorted(e.at_ms for e in replaced if (e.deployable, e.assembly) == name)) for name in last}
        object.__setattr__(self, "replaced_ms", tuple(sorted(e.at_ms for e in replaced for _ in range(1 + len(e.along)))))
        rungs = {e.deployable: e for e in sorted(self.entries, key=lambda e: e.at_ms) if e.rung}
        object.__setattr__(self, "_last_rung_of", rungs)
        object.__setattr__(self, "_of", {e.incident: e for e in self.entries})
        object.__setattr__(self, "_replaced_of_ms", of)
        object.__setattr__(self, "_last_down_of_ms", last)
        object.__setattr__(self, "down_ms", tuple(sorted(last.values())))
        object.__setattr__(self, "paid_for", frozenset(e.incident for e in replaced))

    def within(self, window_s: float, now_ms: int) -> tuple[Entry, ...]:
        return tuple(e for e in self.entries if now_ms - e.at_ms <= window_s * 1000)

    def holds(self, incident: str) -> bool:
        """Whether its replacement is in here."""
        return incident in self.paid_for

    def of(self, incident: str) -> Entry | None:
        """What was written for it."""
        return self._of.get(incident)

    def last_rung(self, deployable: str) -> Entry | None:
        """The last time that the whole of a deployable was recreated."""
        return self._last_rung_of.get(deployable)

    def replaced(self, since_ms: float) -> int:
        """Replacements of all assemblies since then, those that were taken along counted."""
        return len(self.replaced_ms) - bisect_left(self.replaced_ms, since_ms)

    def replaced_of(self, name: tuple[str, str], since_ms: float) -> int:
        """Replacements of this (deployable, assembly) since then; not those in which it was only taken along, for it did not fail."""
        times = self._replaced_of_ms.get(name, ())
        return len(times) - bisect_left(times, since_ms)

    def down(self, name: tuple[str, str], since_ms: float) -> int:
        """Assemblies that went down since then, this one counted whether it is in here or not."""
        others = len(self.down_ms) - bisect_left(self.down_ms, since_ms)
        return others + (self._last_down_of_ms.get(name, 0) < since_ms)


def with_entry(budget: Budget, entry: Entry) -> Budget:
    """The next revision, old entries dropped. An incident has one entry: the latest replaces it."""
    kept = [e for e in budget.within(KEPT_S, entry.at_ms) if e.incident != entry.incident]
    return replace(budget, revision=budget.revision + 1, entries=_bounded((*kept, entry)))


def _bounded(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Of too many, the oldest of whichever assembly has the most, and no deployable's last rung; of the others none is forgotten.

    So an assembly has lost an entry only when it keeps as many as any other: of 20 that fail all the time five each, of fewer more.
    """
    left, last = list(entries), {e.deployable: e for e in entries if e.rung}
    while len(left) > ENTRIES_MAX:
        count = Counter((e.deployable, e.assembly) for e in left)
        most = max(count.values())
        at = (n for n, e in enumerate(left) if count[e.deployable, e.assembly] == most and e is not last.get(e.deployable))
        del left[next(at, 0)]
    return tuple(left)


def budget_item(budget: Budget) -> dict[str, Any]:
    return {
        names.PK: names.BUDGET_PK,
        names.SK: WINDOW_SK,
        "version": VERSION,
        "revision": budget.revision,
        "entries": [
            {
                "at_ms": e.at_ms,
                "deployable": e.deployable,
                "assembly": e.assembly,
                "incident": e.incident,
                "replaced": e.replaced,
                **({"rung": True, "along": list(e.along)} if e.rung else {}),
            }
            for e in budget.entries
        ],
    }


def parse_budget(item: Mapping[str, Any]) -> Budget:
    """Raises BadRecord."""
    where = f"{names.BUDGET_PK}/{WINDOW_SK}"
    try:
        version, revision = int(item["version"]), int(item["revision"])
        entries = tuple(
            Entry(
                at_ms=int(e["at_ms"]),
                deployable=str(e["deployable"]),
                assembly=str(e["assembly"]),
                incident=str(e["incident"]),
                replaced=bool(e["replaced"]),
                rung=e.get("rung") is True,
                along=tuple(str(name) for name in e.get("along", ())),
            )
            for e in item["entries"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadRecord(f"{where}: {type(error).__name__}: {error}") from error
    if version > VERSION:
        raise BadRecord(f"{where}: version is {version}, this reader knows up to {VERSION}")
    return Budget(revision=revision, entries=entries)
