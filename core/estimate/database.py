"""What a shared database costs a month, and what reaching it takes: one database, however many assemblies use it."""

from __future__ import annotations

from collections.abc import Iterator

from core.database import Auth, Database, Engine
from core.estimate.lines import HOURS_A_MONTH, SECONDS_A_MONTH, Group, Line, Paid, Pricing, Rates
from core.model import Deployable, Egress, Network, SharedFoundation

SECRET_EVERY_S = 60.0  # agent.database.LOOK_EVERY_S; of each node that reaches it


def of_database(deployable: Deployable, rates: Rates) -> Iterator[Line]:
    if deployable.database is not None:
        pricing = Pricing(rates, Group.YOURS)
        yield from _instance(deployable.database, pricing)
        yield pricing.line("secret", "password", 1, "secret", "1, made and changed by RDS", paid=Paid.DEPLOYABLE)
        if deployable.database.auth is Auth.SECRET:
            yield from _reads(deployable, pricing)


def _instance(database: Database, pricing: Pricing) -> Iterator[Line]:
    """Multi-AZ is two machines with a disk each. Backups cost nothing up to the size of the database's storage.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/User_DBInstanceBilling.html
    """
    machines = 2 if database.multi_az else 1
    what = f"{database.engine.value} {database.version}, {database.instance}"
    same = "" if database.engine is Engine.POSTGRES else "PostgreSQL's rate, which is the same or a little more; "
    how = f"{machines} on demand{', one of them the standby' if database.multi_az else ''}; {same}what bursts of t types may add left out"
    yield pricing.database(what, database.instance, machines, how)
    each = " for each of two machines" if database.multi_az else ""
    how = f"{database.storage_gb} GB gp3{each}, encrypted"
    yield pricing.line("database", "storage", database.storage_gb * machines, "rds_stored_gb", how, paid=Paid.DEPLOYABLE)
    how = f"{database.backups_days} days, free up to {database.storage_gb} GB; what changes more than that costs by the GB"
    yield pricing.line("database", "backups", 0, "rds_backup_gb", how, paid=Paid.DEPLOYABLE)


def _reads(deployable: Deployable, pricing: Pricing) -> Iterator[Line]:
    nodes = sum(assembly.database is not None for assembly in deployable.assemblies)
    how = f"{nodes} node{'' if nodes == 1 else 's'}, every {SECRET_EVERY_S:g} s"
    yield pricing.line("secret", "reads", nodes * SECONDS_A_MONTH / SECRET_EVERY_S, "secret_request", how, paid=Paid.DEPLOYABLE)
    if deployable.network.egress is Egress.NONE:
        yield _way(deployable.network, pricing)


def _way(network: Network, pricing: Pricing) -> Line:
    """Of a shared foundation it is the foundation's, and paid for once."""
    zones = "1 zone" if network.zones == 1 else f"{network.zones} zones"
    how = f"Secrets Manager's, in {zones}, for there is no other way out; without its pennies for traffic"
    return pricing.line("endpoints", "secret", network.zones * HOURS_A_MONTH, "interface_endpoint_hour", how)


def shared_way(foundation: SharedFoundation, rates: Rates) -> Iterator[Line]:
    """What a shared foundation has of all this."""
    if foundation.database_secrets:
        yield _way(foundation.network, Pricing(rates, Group.YOURS))
