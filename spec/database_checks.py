"""What the database and the rest of the file say of each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.database import REACHED, VERSION, Auth, Engine, auth_trouble, version_trouble
from spec.problems import Finding


def has_database(data: Any) -> bool:
    return isinstance(data, dict) and data.get("database") is not None


def check_database(data: Any) -> Iterator[Finding]:
    """data: the file's plain values; parts of the wrong shape are passed over, for others report them."""
    if not has_database(data):
        return
    database = data["database"]
    engine = database.get("engine") if isinstance(database, dict) else None
    version = database.get("version") if isinstance(database, dict) else None
    if engine in set(Engine) and isinstance(version, str) and VERSION.fullmatch(version):
        trouble = version_trouble(Engine(engine), version)
        if trouble is not None:
            yield ("database", "version"), version, *trouble
        elif database.get("auth") == Auth.IAM and (trouble := auth_trouble(Engine(engine), version, Auth.IAM)) is not None:
            yield ("database", "auth"), Auth.IAM.value, *trouble
    network = data.get("network")
    zones = network.get("zones", 2) if isinstance(network, dict) else 2
    if zones == 1:
        # "Each DB subnet group should have subnets in at least two Availability Zones":
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html
        yield ("network", "zones"), 1, "is too few for a database: RDS demands subnets in two zones", "write zones: 2, or leave it out"
    assemblies = data.get("assemblies")
    found = [item for item in (assemblies if isinstance(assemblies, list) else ()) if isinstance(item, dict)]
    for index, item in enumerate(assemblies if isinstance(assemblies, list) else ()):
        if isinstance(item, dict) and item.get("name") == REACHED:
            yield ("assemblies", index, "name"), REACHED, "means the database in `reaches`", "give the assembly another name"
    if found and not any(isinstance(item.get("reaches"), list) and REACHED in item["reaches"] for item in found):
        yield ("database",), None, "is reached by no assembly", "add reaches: [database] to those that use it, or leave it out"
