"""What the agent needs of the world, in its own words; each port has a real adapter and a fake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.records import Permit, Report, Request


class Unreachable(Exception):
    """The world did not answer, or not in time. What was written may have landed."""


class Refused(Exception):
    """The world answered, and said no (a role's policy, a missing table): waiting alone will not help."""


class Table(Protocol):
    """The state table as a node's role sees it. Every call blocks, for a few seconds at most.

    Raises Unreachable, Refused; read_permit also core.records.BadRecord.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this node is, as the instance metadata service says."""

    instance: str
    region: str
    address: str  # private IPv4


class Metadata(Protocol):
    """The instance metadata service. Every call blocks, for a second or two at most. Raises Unreachable."""

    def identity(self) -> Identity: ...

    def target_lifecycle_state(self) -> str | None:
        """What Auto Scaling wants this instance to be (InService, Terminated, ...); None outside a group."""
