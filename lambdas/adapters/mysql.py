"""A session with MariaDB or MySQL, by PyMySQL, which the archive of the functions that make a user carries (stacks.bundle).

A page of protocol goes into each way to prove who one is, and MySQL changes which of them it asks for: a driver that is kept knows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql

from lambdas.adapters.session import ServerSaid, trusting

# Errors of these numbers are the client's own: no way, or none any more. https://dev.mysql.com/doc/mysql-errors/8.4/en/client-error-reference.html
_CLIENTS = range(2000, 3000)


class Connection:
    """One session over TLS alone: without it the driver says nothing of who it is, since it was given a context.

    Raises OSError when there is no way, ServerSaid when it says no.
    """

    def __init__(self, host: str, port: int, *, name: str, user: str, password: str, ca: Path, timeout_s: float) -> None:
        """ca: whose certificates are trusted. timeout_s: of each answer."""
        timeouts = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), timeout_s)
        with _told():
            self._session: Any = pymysql.connect(
                host=host, port=port, database=name, user=user, password=password, ssl=trusting(ca), autocommit=True, **timeouts
            )

    def say(self, statement: str) -> None:
        """One statement, committed when this returns; its rows are not wanted."""
        with _told():
            self._session.query(statement)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except pymysql.MySQLError as error:
        code, *words = error.args or (0,)
        text = " ".join(str(word) for word in words) or type(error).__name__
        if code in _CLIENTS:
            raise ConnectionError(f"{code}: {text}") from error
        raise ServerSaid(str(code), text) from error
