"""The user whom IAM lets into the database: what one function hands to the other, and the statements that make it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.application import PORT_MAX

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html
IAM_ROLE = "rds_iam"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")  # what spec/database.py takes as a name; needs no quotes to be safe


class BadOrder(ValueError):
    """What a function was handed is no order for a user; the password in it is not told."""


@dataclass(frozen=True, slots=True)
class Order:
    """Make `user` in the database `name`, as `master` with its password. The password stands in no text of it."""

    host: str
    port: int
    name: str
    user: str
    master: str
    password: str

    def __post_init__(self) -> None:
        for word in ("name", "user", "master"):
            if not _NAME.fullmatch(getattr(self, word)):
                raise BadOrder(f"{word} is {getattr(self, word)!r}: expected small letters, digits and underscores")
        if not (self.host and self.password and 1 <= self.port <= PORT_MAX):
            raise BadOrder(f"host is {self.host!r} and port {self.port}: expected both, and a password")
        if self.user == self.master:
            # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html: it would lose its password.
            raise BadOrder(f"{self.user} is the master user: with {IAM_ROLE} its password would open nothing any more")

    def __repr__(self) -> str:
        return f"Order({self.user} of {self.name} at {self.host}:{self.port})"


def order_to_event(order: Order) -> dict[str, Any]:
    return asdict(order)


def parse_order(event: Mapping[str, Any]) -> Order:
    """Raises BadOrder naming what is missing or wrong."""
    found: dict[str, Any] = {}
    for word in ("host", "name", "user", "master", "password"):
        found[word] = event.get(word)
        if not isinstance(found[word], str):
            raise BadOrder(f"{word} is missing, or no text")
    port = str(event.get("port", ""))  # CloudFormation makes a text of every number
    if not (port.isascii() and port.isdigit()):
        raise BadOrder(f"port is {port!r}, expected a number")
    return Order(port=int(port[:9]), **found)


def statements(order: Order) -> tuple[str, ...]:
    """What the master user says to a PostgreSQL; said again they change nothing.

    A role that is there keeps what else it may. CREATE on the database and in its public schema lets a program make its own tables; what
    the master user made before is opened by the master user. https://www.postgresql.org/docs/current/sql-grant.html
    """
    user, name = order.user, order.name
    make = f"IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{user}') THEN CREATE ROLE \"{user}\" LOGIN; END IF;"
    return (
        f"DO $make$ BEGIN {make} END $make$",
        f'GRANT {IAM_ROLE} TO "{user}"',
        f'GRANT ALL ON DATABASE "{name}" TO "{user}"',
        f'GRANT ALL ON SCHEMA public TO "{user}"',
    )
