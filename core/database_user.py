"""The user whom IAM lets into the database: what one function hands to the other, and the statements that make it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.application import PORT_MAX
from core.database import Engine

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html
IAM_ROLE, IAM_PLUGIN = "rds_iam", "AWSAuthenticationPlugin"
# What a program needs that makes its own tables; the master user has each of them, and may hand them on, which it may not with ALL.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html
_RIGHTS = (
    "ALTER, ALTER ROUTINE, CREATE, CREATE ROUTINE, CREATE TEMPORARY TABLES, CREATE VIEW, DELETE, DROP, EVENT, EXECUTE, INDEX, INSERT, "
    "LOCK TABLES, REFERENCES, SELECT, SHOW VIEW, TRIGGER, UPDATE"
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")  # what spec/database.py takes as a name; needs no quotes to be safe


class BadOrder(ValueError):
    """What a function was handed is no order for a user; the password in it is not told."""


@dataclass(frozen=True, slots=True)
class Order:
    """Make `user` in the database `name`, as `master` with its password. The password stands in no text of it."""

    engine: Engine
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
            raise BadOrder(f"{self.user} is the master user: once it came by IAM its password would open nothing any more")

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
    engine = str(event.get("engine", ""))
    if engine not in set(Engine):
        raise BadOrder(f"engine is {engine!r}, expected one of {', '.join(Engine)}")
    return Order(engine=Engine(engine), port=int(port[:9]), **found)


def statements(order: Order) -> tuple[str, ...]:
    """What the master user says; said again they change nothing."""
    made = _to_postgres if order.engine is Engine.POSTGRES else _to_mysql
    return made(order.user, order.name)


def _to_postgres(user: str, name: str) -> tuple[str, ...]:
    """A role that is there keeps what else it may.

    CREATE on the database and in its public schema lets a program make its own tables; what the master user made before is opened by the
    master user. https://www.postgresql.org/docs/current/sql-grant.html
    """
    make = f"IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{user}') THEN CREATE ROLE \"{user}\" LOGIN; END IF;"
    return (
        f"DO $make$ BEGIN {make} END $make$",
        f'GRANT {IAM_ROLE} TO "{user}"',
        f'GRANT ALL ON DATABASE "{name}" TO "{user}"',
        f'GRANT ALL ON SCHEMA public TO "{user}"',
    )


def _to_mysql(user: str, name: str) -> tuple[str, ...]:
    """MariaDB too. A user that is there keeps what else it may, and comes by IAM from now on.

    Its token goes over the wire as it is, so that it comes over TLS or not at all. In the name of a database _ stands for any letter:
    https://dev.mysql.com/doc/refman/8.4/en/grant.html#grant-database-privileges
    """
    who, how, pattern = f"'{user}'@'%'", f"IDENTIFIED WITH {IAM_PLUGIN} AS 'RDS'", name.replace("_", r"\_")
    return (
        f"CREATE USER IF NOT EXISTS {who} {how}",
        f"ALTER USER {who} {how} REQUIRE SSL",
        f"GRANT {_RIGHTS} ON `{pattern}`.* TO {who}",
    )
