"""What the agent needs of the world, in its own words; each port has a real adapter and a fake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from core.database import Credentials
from core.node.ha_port import View
from core.records import Permit, Report, Request


class Unreachable(Exception):
    """The world did not answer, or not in time. What was written may have landed."""


class Refused(Exception):
    """The world answered, and said no (a role's policy, a missing table): waiting alone will not help."""


class Table(Protocol):
    """The state table as a node's role sees it. Every call blocks, for a few seconds at most.

    Raises Unreachable, Refused; read_permit also core.items.BadRecord.
    """

    def read_permit(self, deployable: str, assembly: str) -> Permit | None:
        """The current permit, read consistently; None when there is none yet."""

    def write_report(self, report: Report) -> None:
        """Overwrite this node's report."""

    def write_request(self, request: Request) -> None:
        """Ask to be replaced."""


class Bucket(Protocol):
    """Where evidence is kept. Blocks, for a few seconds at most. Raises Unreachable, Refused."""

    def put(self, key: str, body: bytes) -> None: ...


class Passwords(Protocol):
    """What opens the database at this moment. Blocks, for a few seconds at most."""

    def credentials(self) -> Credentials:
        """Raises Unreachable, Refused, core.database.BadSecret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this node is, as the instance metadata service says."""

    instance: str
    region: str
    address: str  # private IPv4


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A network interface of this instance. addresses: private IPv4. subnet: its range, as ADDRESS/BITS."""

    addresses: tuple[str, ...]
    subnet: str


class Metadata(Protocol):
    """The instance metadata service. Every call blocks, for a second or two at most. Raises Unreachable."""

    def identity(self) -> Identity: ...

    def target_lifecycle_state(self) -> str | None:
        """What Auto Scaling wants this instance to be (InService, Terminated, ...); None outside a group."""


class Trouble(Exception):
    """What a local operator asked for was not done: the text says why, in a sentence for people."""


class Holder(Protocol):
    """What holds the applications, as the ports and the local commands see it. The first four only look and return at once.

    An application is named, or None means all of them. view, why: KeyError for a name that there is not.
    """

    def view(self, application: str | None = None) -> View:
        """Of the node, or of one application on its own port."""

    def status(self) -> dict[str, Any]:
        """What the last cycle concluded, as /v1/status tells it: plain JSON values."""

    def why(self, application: str) -> dict[str, Any]:
        """Why its verdict is what it is: each probe with its last results, thresholds with numbers, counters, history."""

    def is_stuck(self) -> bool:
        """No cycle was completed for STUCK_AFTER_S: whatever was concluded last may be long past."""

    async def offline(self, application: str | None) -> str:
        """Stop it gracefully (drain, bounded) and hold it down until `online`. What was done, in a sentence. Raises Trouble."""

    async def clean(self, application: str | None) -> str:
        """Kill all that belongs to it at once, and hold it down until `online`. Raises Trouble."""

    async def online(self, application: str | None) -> str:
        """Start it and wait until it is up. Raises Trouble: it came up degraded or not at all within its start timeout."""
