"""How the nodes of one foundation are shared out among several calls of the prober: one sweep, several messages.

One call asks ASSEMBLIES_MAX within its time (`python -m bench.probing` measures it); who looks at which assembly is of no
consequence, for nothing is kept between two sweeps but what is in the table. So the shards are reckoned anew each minute.
docs/decisions/sweeps-in-shards.md
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

ASSEMBLIES_MAX = 2200  # of a shard
# Of a shard's part of the fleet as JSON. A message may have 1 MiB, and had 256 KiB until August 2025:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
BYTES_MAX = 240_000

Entry = TypeVar("Entry")


def shards(
    assemblies: Iterable[Entry], sizes: Sequence[int], *, most: int = ASSEMBLIES_MAX, bytes_max: int = BYTES_MAX
) -> list[list[Entry]]:
    """In the order given, cut where the next one would be too many or too much; then as evenly as that many shards can be.

    sizes: bytes of each. Each assembly is in one shard exactly; an empty fleet is one empty shard, for its sweep is a sign of life.
    """
    entries = list(assemblies)
    many = max(1, min(len(entries), max(-(-len(entries) // most), -(-sum(sizes) // bytes_max))))
    while True:
        bounds = [len(entries) * n // many for n in range(many + 1)]
        parts = list(pairwise(bounds))
        if many >= len(entries) or all(sum(sizes[start:end]) <= bytes_max for start, end in parts):
            return [entries[start:end] for start, end in parts]
        many += 1


def told_in_shards(told: Mapping[str, Any], *, most: int = ASSEMBLIES_MAX, bytes_max: int = BYTES_MAX) -> list[dict[str, Any]]:
    """A fleet as core.watching.register tells it, cut into fleets of their own that `core.watching.register.heard` reads alike."""
    entries = [(deployable, entry) for deployable, part in told["d"].items() for entry in part]
    sizes = [len(json.dumps(entry, separators=(",", ":"))) + 1 for _, entry in entries]
    found = []
    for shard in shards(entries, sizes, most=most, bytes_max=bytes_max):
        part: dict[str, Any] = {"v": told["v"], "c": {}, "d": {}}
        for deployable, entry in shard:
            part["c"][deployable] = told["c"][deployable]
            part["d"].setdefault(deployable, []).append(entry)
        found.append(part)
    return found
