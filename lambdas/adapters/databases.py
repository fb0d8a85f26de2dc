"""A deployable's database instance: what RDS says of it, and its reboot with failover."""

from __future__ import annotations

from core.recovery.rung import DatabaseState
from lambdas.adapters import register
from lambdas.adapters.clients import WorldFailed, calling, client

# The instance has no standby at the moment, or is at something already: it is not ours to hurry.
# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RebootDBInstance.html and its common errors
_NOT_NOW = frozenset({"InvalidDBInstanceState", "InvalidParameterCombination"})


def of(deployable: str) -> DatabaseState | None:
    """None when it has none, or RDS knows none of that name. Raises WorldFailed."""
    name = register.database_of(deployable)
    if name is None:
        return None
    try:
        with calling(f"describe the database {name}"):
            answer = client("rds").describe_db_instances(DBInstanceIdentifier=name)
    except WorldFailed as error:
        if error.code in ("DBInstanceNotFound", "DBInstanceNotFoundFault"):
            return None
        raise
    found = answer["DBInstances"][0]
    return DatabaseState(identifier=name, status=str(found["DBInstanceStatus"]), multi_az=found.get("MultiAZ") is True)


def fail_over(identifier: str) -> str:
    """Told in a few words. Not sent twice by the SDK: each one taken is an outage. Raises WorldFailed."""
    try:
        with calling(f"reboot the database {identifier} with failover"):
            client("rds", once=True).reboot_db_instance(DBInstanceIdentifier=identifier, ForceFailover=True)
    except WorldFailed as error:
        if error.code not in _NOT_NOW:
            raise
        return f"RDS does not take it now ({error})"
    return "RDS takes it"
