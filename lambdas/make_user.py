"""Makes the user whom IAM lets into the database; in the VPC, and handed what opens it, for nothing leads from there to the secret."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core import names
from core.database import Engine
from core.database_user import Order, parse_order, statements
from lambdas.adapters import clock, log, postgres
from lambdas.adapters.session import ServerSaid, Session

ME = "make_user"
BUNDLED_CA = Path(__file__).resolve().parents[1] / "rds-global-bundle.pem"  # beside lambdas/ in the archive (stacks.bundle)
ANSWER_S = 5.0
PAUSE_S = 1.0
# A database that was just made answers, but its name may be news to the resolver; what is refused is refused at once.
TRY_FOR_S = 12.0


class NotMade(RuntimeError):
    """The user is not there; says why."""


def handler(event: Mapping[str, Any], _context: Any) -> dict[str, Any]:
    """The event is an order of core.database_user; nothing of it is said but whom and where. Raises BadOrder, NotMade."""
    order = parse_order(event)
    end_ms = clock.now_ms() + int(TRY_FOR_S * 1000)
    while True:
        try:
            _make(order)
        except ServerSaid as error:
            raise NotMade(f"{order.host} refused to make {order.user}: {error}") from error
        except OSError as error:
            if clock.now_ms() >= end_ms:
                raise NotMade(f"no way to {order.host}:{order.port}: {error}") from error
            log.say(ME, f"trying again: {error}")
            clock.sleep(PAUSE_S)
        else:
            log.say(ME, f"{order.user} may come into {order.name} with a token", host=order.host)
            return {"made": order.user}


def _make(order: Order) -> None:
    ca = Path(os.environ.get(names.ENV_DATABASE_CA) or BUNDLED_CA)
    with session(order, ca) as opened:
        for statement in statements(order):
            opened.say(statement)


def session(order: Order, ca: Path) -> Session:
    """As the master user. Raises OSError, ServerSaid."""
    at: Any = {"name": order.name, "user": order.master, "password": order.password, "ca": ca, "timeout_s": ANSWER_S}
    if order.engine is Engine.POSTGRES:
        return postgres.Connection(order.host, order.port, **at)
    from lambdas.adapters import mysql  # its driver is in the archive of such a database alone

    return mysql.Connection(order.host, order.port, **at)
