"""What a probe needs to know of the application besides its question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sighting:
    """A file's time stamp, and what we know of its change, on the monotonic clock.

    dated: that can be relied on, for it was not from the future when first seen, or changed between two looks of ours.
    """

    stamp_ns: int
    changed_at_s: float
    looked_at_s: float
    dated: bool


class Shortfall(Exception):
    """We could not ask: says nothing of the application. Its text says why."""


class Wrong(Exception):
    """The application answered, and not as it should. Its text says how."""


class Busy(Exception):
    """The application said itself that it is busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeContext:
    """One for each application, kept for as long as it is asked.

    members: the pids of its current run. user, environment, directory: what its own commands run as, with and in.
    sightings: what file probes remember between two looks, by path.
    """

    members: Callable[[], Sequence[int]] = tuple
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str = "/"
    sightings: dict[str, Sighting] = field(default_factory=dict)
