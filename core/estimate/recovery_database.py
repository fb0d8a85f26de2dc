"""How long clients will wait when the database fails: AWS repairs it, and ours is to find it again by the same name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from core.estimate.recovery_times import Delay, Expected, Share
from core.model import Deployable

FOUND_AGAIN = Share(2.6, 8.0, "measured: database-failover; the worst is its limit")


def expected_of_database(deployable: Deployable, delays: Mapping[str, Delay]) -> Iterator[Expected]:
    """A row for each assembly that reaches it. Raises KeyError naming a delay that is needed and not there.

    Without a standby RDS repairs the instance where it is, and nobody publishes how long that takes.
    """
    database = deployable.database
    if database is None or not database.multi_az:
        return
    for assembly in deployable.assemblies:
        if assembly.database is not None:
            yield Expected(
                assembly=assembly.name,
                failure="the database fails over",
                ours=FOUND_AGAIN,
                aws=(delays["database_failover"],),
                remark="and as long as the application holds on to a connection that is dead; nothing acknowledged is lost",
            )
