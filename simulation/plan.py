"""What a seed decides beforehand: how many assemblies, what happens to them and when, and what the world is like."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from simulation.fault import Fault
from simulation.faults import KINDS, NEEDS, drawn

# Which share of histories has so many assemblies: below which draw, at least, at most.
SIZES = ((0.0004, 200, 200), (0.0014, 13, 60), (0.03, 4, 12), (0.25, 2, 3), (1.0, 1, 1))


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a seed decides beforehand; the rest is drawn as it comes. traits: those that are not 0."""

    seed: int
    assemblies: int
    minutes: float
    faults: tuple[Fault, ...]
    traits: dict[str, float]

    def __str__(self) -> str:
        traits = ", ".join(f"{name} {value:g}" for name, value in self.traits.items() if value)
        lines = [f"seed {self.seed}: {self.assemblies} assemblies, {self.minutes:.1f} min; {traits or 'calm'}"]
        return "\n  ".join(lines + [str(fault) for fault in self.faults])


def plan_of(seed: int) -> Plan:
    chance = Random(f"plan {seed}")  # noqa: S311 - a made-up world, not a secret
    size = chance.random()
    assemblies = next(chance.randrange(least, most + 1) for below, least, most in SIZES if size < below)
    minutes = chance.uniform(0.5, 3.0 if assemblies < 100 else 2.0)
    kinds = list(KINDS)
    count = chance.choice((1, 1, 2, 2, 3, 4, 6)) if assemblies < 100 else chance.randrange(5, 40)
    faults = [drawn(chance, kinds[seed % len(kinds)] if n == 0 else chance.choice(kinds), assemblies, minutes) for n in range(count)]
    if assemblies < 100 and chance.random() < 0.5:  # one upon the other, while the first is being dealt with
        first = replace(faults[0], at_s=faults[0].at_s / 4)
        faults = [first, *(replace(fault, at_s=first.at_s + chance.uniform(0, 60), target=first.target) for fault in faults[1:])]
    if seed % 101 == 0:
        faults = []
    traits = {
        "latency": chance.choice((0.0, 0.0, 0.0, 0.05, 0.3)),
        "lost": chance.choice((0.0, 0.0, 0.0, 0.3, 1.0)),
        "twice": chance.choice((0.0, 0.0, 0.0, 0.5)),
        "late": chance.choice((0.0, 0.0, 0.0, 0.4)),
        "skew": chance.choice((0.0, 0.0, 0.0, 0.5, 3.0)),
        "stale": chance.choice((0.0, 0.0, 0.5)),
        "hidden": chance.choice((0.0, 0.0, 6.0)),
        "front": chance.choice((0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0)),  # simulation.history.FRONTS
        "disagreement": chance.choice((0.0, 0.0, 0.0, 1.0)),
        "proceed": chance.choice((0.0, 0.0, 0.0, 0.0, 60.0)),
        "volume": chance.choice((0.0, 0.0, 0.0, 1.0)),
        "database": chance.choice((0.0, 0.0, 0.0, 0.0, 1.0, 2.0)),  # 2: Multi-AZ
        "intolerant": chance.choice((0.0, 0.0, 0.0, 0.0, 1.0)),  # its first failure takes the whole deployable along
    }
    traits |= NEEDS.get(faults[0].kind, {}) if faults else {}
    return Plan(seed, assemblies, minutes, tuple(sorted(faults, key=lambda fault: fault.at_s)), traits)
