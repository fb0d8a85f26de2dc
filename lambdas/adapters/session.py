"""What sessions with the engines have in common: whom they trust, and how a refusal is told."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Protocol, Self


class ServerSaid(Exception):
    """The database refused: its code and its words, which never hold a password."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Session(Protocol):
    """Raises OSError when there is no way (TimeoutError and ssl.SSLError among them), ServerSaid when it says no."""

    def say(self, statement: str) -> None:
        """One statement, committed when this returns; its rows are not wanted."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def trusting(ca: Path) -> ssl.SSLContext:
    """Checks chain and name. Not what Python from 3.13 on asks of a certificate's form besides, by which a deploy would fail though nothing

    is wrong with who answers: the form is Amazon's. https://docs.python.org/3/library/ssl.html#ssl.VERIFY_X509_STRICT
    """
    context = ssl.create_default_context(cafile=str(ca))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
