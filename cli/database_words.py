"""What the file promises of its database, in words."""

from __future__ import annotations

from collections.abc import Iterator

from core.database import IAM_USER, Auth, Database
from core.model import Deployable, Egress


def database_words(deployable: Deployable) -> Iterator[str]:
    database = deployable.database
    if database is None:
        return
    users = [assembly.name for assembly in deployable.assemblies if assembly.database is not None]
    engine = f"{database.engine.value} {database.version} on {database.instance}, {database.storage_gb} GB"
    yield f"  database {database.name}: {engine}, for {' and '.join(users)} alone, over TLS alone"
    yield f"    {_WHEN_IT_FAILS[database.multi_az]}; any moment of the last {database.backups_days} days can be restored to another one"
    yield f"    {_PROOF[database.auth]}"
    if deployable.foundation is not None and database.auth is Auth.SECRET and deployable.network.egress is Egress.NONE:
        yield f"    the file of {deployable.foundation} must say `database_secrets: true`: nodes find no other way to the password"
    yield "    when the stack is removed it stays: its protection is taken off by hand, and then a last snapshot stays"


_WHEN_IT_FAILS = {
    False: "when its machine fails RDS repairs it in its zone, in minutes; when the zone fails it is away as long as the zone",
    True: "when it fails its standby in another zone takes over by the same name, in a minute or two, with all that was committed",
}
_PROOF = {
    Auth.SECRET: "its password is made and changed by RDS; each application finds the present one in a file of its own",
    Auth.IAM: f"nodes sign a token of 15 minutes for themselves, for the user {IAM_USER}, who is made at deploy; "
    "each application finds the present one in a file of its own",
}


def reached(database: Database | None) -> tuple[str, ...]:
    return ("the database",) if database is not None else ()
