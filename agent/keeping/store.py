"""What saving needs of a bucket."""

from __future__ import annotations

from typing import Protocol


class Absent(Exception):
    """It is not there, or may not be read: which of the two, S3 does not say."""


class Overtaken(Exception):
    """The condition of a write did not hold."""


class Store(Protocol):
    """Blocks; bounded. Raises Unreachable, Refused (agent.ports)."""

    def get(self, key: str) -> tuple[bytes, str]:
        """Body and entity tag. Raises Absent."""

    def put(self, key: str, body: bytes) -> None: ...

    def put_if(self, key: str, body: bytes, tag: str | None) -> str:
        """Only over what has that tag, None: only where nothing is. The new tag. Raises Overtaken."""
