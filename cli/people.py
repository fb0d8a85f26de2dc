"""Who is told, who has the front, what a warm pool holds: what the state table does not say, read where these credentials may read it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cli.programs import Trouble
from cli.state_table import Aws, Place, trouble

NOT_READABLE = "not readable with these credentials"
PENDING = "PendingConfirmation"  # https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html
PAGES_MAX = 10  # of 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Whom the topic tells. unread: why that could not be read, "" when it could."""

    confirmed: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    unread: str = ""

    def words(self) -> Iterator[str]:
        if self.unread:
            yield f"{NOT_READABLE}: {self.unread}"
        elif not self.confirmed and not self.unconfirmed:
            yield "NOBODY IS TOLD: the topic has no subscription; put addresses under notify, or subscribe to it"
        elif not self.confirmed:
            yield "NOBODY IS TOLD: no address has confirmed its subscription yet"
        else:
            yield f"told: {', '.join(self.confirmed)}"
        if self.unconfirmed:
            yield f"UNCONFIRMED, and told nothing until they open the link in AWS's mail: {', '.join(self.unconfirmed)}"


def addresses(aws: Aws, place: Place) -> Addresses:
    topic = place.outputs.get("Topic", "")
    if not topic:
        return Addresses(unread="the topic's name is in the stack's outputs only")
    found: list[tuple[str, str]] = []
    more: dict[str, str] = {}
    try:
        for _ in range(PAGES_MAX):
            with trouble("list who is told"):
                answer = aws.client("sns").list_subscriptions_by_topic(TopicArn=topic, **more)
            found += [(str(row["Endpoint"]), str(row["SubscriptionArn"])) for row in answer["Subscriptions"]]
            if not answer.get("NextToken"):
                break
            more = {"NextToken": answer["NextToken"]}
    except Trouble as error:
        return Addresses(unread=str(error))
    return Addresses(
        confirmed=tuple(sorted(address for address, arn in found if arn != PENDING)),
        unconfirmed=tuple(sorted(address for address, arn in found if arn == PENDING)),
    )


def front_holder(aws: Aws, place: Place, assembly: str) -> tuple[str, str]:
    """The front of an assembly, "" when it has none, and in words who has it. An operator's own policy lets nobody ask EC2."""
    front = place.outputs.get(f"{_camel(assembly)}Front", "-")
    if front == "-":
        return "", ""
    try:
        ipaddress.ip_address(front)
    except ValueError:
        return front, "a name: who answers is told by asking it"
    try:
        with trouble("see who has the address"):
            rows = aws.client("ec2").describe_addresses(Filters=[{"Name": "public-ip", "Values": [front]}])["Addresses"]
            if rows:
                return front, f"on {rows[0]['InstanceId']}" if rows[0].get("InstanceId") else "on nobody"
            by_address = [{"Name": "addresses.private-ip-address", "Values": [front]}]
            found = aws.client("ec2").describe_network_interfaces(Filters=by_address)["NetworkInterfaces"]
    except Trouble:
        return front, f"who has it is {NOT_READABLE}"
    holder = next((str(i["Attachment"]["InstanceId"]) for i in found if i.get("Attachment", {}).get("InstanceId")), "")
    return front, f"on {holder}" if holder else "on nobody"


def pooled(aws: Aws, place: Place, assembly: str) -> tuple[str, ...]:
    """What the assembly's warm pool holds, in words; empty when it has none. An operator's own policy lets nobody ask Auto Scaling."""
    group = place.outputs.get(f"{_camel(assembly)}Pool", "")
    if not group:
        return ()
    try:
        with trouble("look into the warm pool"):
            rows = aws.client("autoscaling").describe_warm_pool(AutoScalingGroupName=group)["Instances"]
    except Trouble:
        return (f"what it holds is {NOT_READABLE}",)
    return tuple(_prepared(row) for row in rows) or ("empty: another machine is launched for it",)


def _prepared(row: Mapping[str, Any]) -> str:
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html"""
    version = row.get("LaunchTemplate", {}).get("Version", "?")
    state = {"Warmed:Stopped": "ready, stopped"}.get(row["LifecycleState"], f"not ready: {row['LifecycleState']}")
    return f"{row['InstanceId']} is {state}, of version {version} of the launch template"


def _camel(name: str) -> str:
    """As the stack names its outputs: my-app -> MyApp."""
    return "".join(part.capitalize() for part in name.split("-"))
