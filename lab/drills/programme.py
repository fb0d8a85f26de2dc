"""Which lab each drill is played in: what it needs decides, and drills that need the same share one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.drills.scenes import DRILLS
from lab.drills.tables.chosen import HASTY
from lab.drills.tables.ladder import FLEET, TWO_IN_ORDER, TWO_SIZES
from lab.drills.tables.pool import POOLED
from lab.drills.variants import fleet, hasty, pooled, two_in_order, two_sizes, vary

ROOT = Path(__file__).resolve().parent.parent.parent
_EXAMPLES = ROOT / "deployables"
Files = tuple[Path, Path | None]  # the deployable's, and that of the foundation which it shares
# Drills: what is remembered of earlier failures stays small. A third replacement within the hour would be one that the demo's tolerance no
# longer absorbs, which is another drill's matter.
_PER_LAB, _REPLACED_PER_LAB = 4, 2


@dataclass(frozen=True, slots=True)
class Setting:
    """A deployable to drill. ready: its file, when it is there already; else `make` makes its files in a folder of the drills' own."""

    name: str
    ready: Path | None = None
    make: Callable[[Path], Files] | None = None

    def files(self, folder: Path) -> Files:
        """Raises OSError."""
        if self.ready is not None:
            return self.ready, None
        assert self.make is not None, f"the setting {self.name} has no files"
        return self.make(folder)


def _example(name: str) -> Setting:
    return Setting(name, ready=_EXAMPLES / f"{name}.yaml")


_DEMO = _EXAMPLES / "demo.yaml"
_TWO_SIZES = Setting("demo, two sizes", make=lambda folder: (vary(_DEMO, folder / "two-sizes", two_sizes), None))
_HASTY = Setting("demo, hasty", make=lambda folder: (vary(_DEMO, folder / "hasty", hasty), None))
_POOLED = Setting("demo, warm pool", make=lambda folder: (vary(_DEMO, folder / "pooled", pooled), None))
_TWO_IN_ORDER = Setting("two", make=lambda folder: (vary(_DEMO, folder / "two", two_in_order), None))
_FLEET = Setting("fleet", make=lambda folder: fleet(_DEMO, folder / "fleet"))
_LEDGER = _example("ledger")

SETTINGS: dict[str, Setting] = {
    "": _example("demo"),
    TWO_SIZES: _TWO_SIZES,
    TWO_IN_ORDER: _TWO_IN_ORDER,
    POOLED: _POOLED,
    FLEET: _FLEET,
    HASTY: _HASTY,
    "a database": _LEDGER,
    "a database in two zones": _LEDGER,
    "jobs, as deployables/scheduler.yaml has": _example("scheduler"),
}


@dataclass(frozen=True, slots=True)
class Evening:
    """What is played in one lab, in order. alone: while no other lab runs."""

    setting: Setting
    names: tuple[str, ...]
    alone: bool = False


def plan(names: Sequence[str], labs: int = 1) -> tuple[Evening, ...]:
    """Every drill in the lab that it needs; the order is kept within each, and labs come as they are first needed.

    labs: how many may run beside each other; with several, the drills that are to be alone have labs of their own, at the end.
    """
    by_lab: dict[tuple[bool, str], tuple[Setting, list[str]]] = {}
    for name in names:
        drill = DRILLS[name]
        setting = SETTINGS[drill.needs]
        by_lab.setdefault((labs > 1 and drill.alone, setting.name), (setting, []))[1].append(name)
    return tuple(
        Evening(setting, some, alone)
        for (alone, _), (setting, mine) in sorted(by_lab.items(), key=lambda lab: lab[0][0])
        for some in _cut(mine)
    )


def _cut(names: Sequence[str]) -> list[tuple[str, ...]]:
    """As many in a row as one lab can take."""
    labs: list[tuple[str, ...]] = []
    for name in names:
        last = labs[-1] if labs else ()
        replaced = sum(DRILLS[one].replaces for one in (*last, name))
        if last and len(last) < _PER_LAB and replaced <= _REPLACED_PER_LAB:
            labs[-1] = (*last, name)
        else:
            labs.append((name,))
    return labs
