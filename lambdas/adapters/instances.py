"""EC2 instances: what EC2 says of them, their tags, and their end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from core import names
from core.recovery.snapshot import Machine
from lambdas.adapters.clients import WorldFailed, all_pages, calling, client

BRIEF_S = 3
CONSOLE_BYTES_MAX = 65536  # EC2 keeps 64 KB: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html
FILTER_VALUES_MAX = 200  # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
_HAVE_ADDRESSES = ["pending", "running", "shutting-down", "stopping", "stopped"]
_WHEN = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")


class NotYet(WorldFailed):
    """An instance is not far enough for what was asked of it, or gone: no error, whoever asked asks again."""


def describe(instances: Iterable[str]) -> dict[str, Machine]:
    """Those of them that EC2 knows. By filter: asked by id, one unknown instance fails the whole call."""
    wanted = sorted(set(instances))
    return {i["InstanceId"]: _machine(i) for i in _described(wanted)} if wanted else {}


def owner(instance: str) -> tuple[str, str] | None:
    """(deployable, assembly) by its tags; None when it bears none of ours or is forgotten."""
    for row in _described([instance]):
        tags = {tag["Key"]: tag["Value"] for tag in row.get("Tags", [])}
        if names.TAG_DEPLOYABLE in tags and names.TAG_ASSEMBLY in tags:
            return tags[names.TAG_DEPLOYABLE], tags[names.TAG_ASSEMBLY]
    return None


def address_of(instance: str, *, public: bool) -> str:
    """Its public or its private address; empty while it has none."""
    return next((str(row.get("PublicIpAddress" if public else "PrivateIpAddress", "")) for row in _described([instance])), "")


def at_address(deployable: str, assembly: str, address: str, *, public: bool = False) -> str | None:
    """The assembly's instance that has this address: one that is terminated gave it up, perhaps to its successor.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html: `ip-address` is the public one.
    """
    kind = "ip-address" if public else "private-ip-address"
    wanted = {f"tag:{names.TAG_DEPLOYABLE}": deployable, f"tag:{names.TAG_ASSEMBLY}": assembly, kind: address}
    with calling(f"describe who is at {address}"):
        filters = [{"Name": "instance-state-name", "Values": _HAVE_ADDRESSES}, *({"Name": k, "Values": [v]} for k, v in wanted.items())]
        reservations = all_pages(client("ec2").describe_instances, "Reservations", Filters=filters)
    return next((str(instance["InstanceId"]) for reservation in reservations for instance in reservation["Instances"]), None)


def _described(instances: list[str]) -> list[dict[str, Any]]:
    with calling(f"describe {', '.join(instances)}"):
        filters = [{"Name": "instance-id", "Values": instances[:FILTER_VALUES_MAX]}]
        reservations = all_pages(client("ec2").describe_instances, "Reservations", Filters=filters)
    return [instance for reservation in reservations for instance in reservation["Instances"]]


def _machine(row: dict[str, Any]) -> Machine:
    # "User initiated (2026-11-21 09:00:00 GMT)": the only trace of when; absent while it runs.
    found = _WHEN.search(row.get("StateTransitionReason", ""))
    changed = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) if found else None
    return Machine(
        instance=row["InstanceId"],
        state=row["State"]["Name"],
        address=row.get("PrivateIpAddress", ""),
        launched_ms=int(row["LaunchTime"].timestamp() * 1000),
        changed_ms=int(changed.timestamp() * 1000) if changed else None,
    )


def terminate(instance: str, *, force: bool) -> str:
    """Without waiting for its operating system, which may hang; force: when that did not get it done.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-terminate-methods.html
    """
    try:
        with calling(f"terminate {instance}"):
            client("ec2").terminate_instances(InstanceIds=[instance], SkipOsShutdown=True, **({"Force": True} if force else {}))
    except WorldFailed as error:
        if error.code != "InvalidInstanceID.NotFound":
            raise
        return "EC2 does not know it any more"
    return "terminated by force" if force else "terminated without OS shutdown"


def console(instance: str) -> str:
    """What its console last said; at most 64 KB. Asked once and briefly: clients are waiting."""
    with calling(f"read the console of {instance}"):
        answer = client("ec2", once=True, read_timeout_s=BRIEF_S).get_console_output(InstanceId=instance)
    return str(answer.get("Output", ""))[-CONSOLE_BYTES_MAX:]
