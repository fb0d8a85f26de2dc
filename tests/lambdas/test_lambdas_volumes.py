"""An event about the volume of kept state: in the history once, put back where it was taken away, told to people where they must act."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from typing import Any

import pytest

from core import names
from core.model import Verdict
from core.recovery.incident import Cause, State
from lambdas import recover_assembly
from lambdas.adapters import environment, functions, table
from lambdas.adapters.clients import WorldFailed
from tests.lambdas.conftest import A, D

PUT_BACK = ("move", {"assembly": {"deployable": D, "assembly": A}, "state": True})
SETTLED_MS = 120_000


@pytest.fixture
def node(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """It serves, and its state is on a volume of its zone that EC2 has attached to it."""
    ec2 = cloud.client("ec2")
    (node,) = cloud.members()
    zone = ec2.describe_instances(InstanceIds=[node])["Reservations"][0]["Instances"][0]["Placement"]["AvailabilityZone"]
    volume = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    ec2.attach_volume(VolumeId=volume, InstanceId=node, Device="/dev/sdf")
    monkeypatch.setenv(names.ENV_VOLUMES, json.dumps({A: volume}))
    environment._volumes.cache_clear()
    cloud.permit(node)
    cloud.now_ms += SETTLED_MS
    cloud.report(node)
    cloud.looks(node, [Verdict.HEALTHY] * 4)
    yield node
    environment._volumes.cache_clear()


def told(cloud: Any, name: str) -> dict[str, Any]:
    """As recorded, of our volume, and now."""
    volume = environment.volume_of(A)
    event = json.loads(json.dumps(cloud.event(name)).replace("vol-01234567", str(volume)))
    return {**event, "time": datetime.datetime.fromtimestamp(cloud.now_ms / 1000, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


def history() -> list[dict[str, Any]]:
    return table.query(names.history_pk(D))


def holder(cloud: Any) -> str | None:
    (row,) = cloud.client("ec2").describe_volumes(VolumeIds=[environment.volume_of(A)])["Volumes"]
    return next((str(each["InstanceId"]) for each in row.get("Attachments", [])), None)


def test_one_that_was_taken_from_a_node_that_runs_is_put_back_at_once_and_that_is_in_the_history_once(cloud: Any, node: str) -> None:
    cloud.client("ec2").detach_volume(VolumeId=environment.volume_of(A), InstanceId=node)
    event = told(cloud, "volume_detached")
    cloud.while_asleep = lambda: cloud.report(node, seq=2 + cloud.now_ms // 10_000)

    for _ in range(2):
        recover_assembly.handler(event, cloud.context())

    assert holder(cloud) == node
    assert PUT_BACK in cloud.asked
    (item,) = history()
    assert (item["kind"], item["categories"]) == ("detachVolume detached", ["availability"])
    assert cloud.incident() is None, "the node serves: there is nothing else to be done"
    (incident,) = cloud.ended()
    assert (incident.cause, incident.state, incident.woken_by) == (Cause.AWS, State.RECOVERED, "ebs")
    assert [note.what for note in incident.notes if note.who == "ebs"][1] == f"the volume is at {node}"


def test_one_that_leaves_a_node_by_its_end_is_left_to_the_next_permit(cloud: Any, node: str) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/preserving-volumes-on-termination.html"""
    cloud.client("ec2").terminate_instances(InstanceIds=[node])

    recover_assembly.handler(told(cloud, "volume_detached"), cloud.context(seconds=8.5))

    assert (history(), PUT_BACK in cloud.asked) == ([], False)


def test_one_on_its_way_to_who_was_just_permitted_is_no_news(cloud: Any, node: str) -> None:
    cloud.permit(node, 2)

    recover_assembly.handler(told(cloud, "volume_detached"), cloud.context())

    assert (history(), PUT_BACK in cloud.asked) == ([], False)


def test_what_cannot_be_put_back_now_is_the_sweeps_and_the_node_is_weighed_all_the_same(
    cloud: Any, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.frozen(node)
    ask = functions.ask

    def refuse(function: str, payload: dict[str, Any]) -> dict[str, Any]:
        if "state" in payload:
            raise WorldFailed("ask move", "Throttling", "slow down")
        return ask(function, payload)

    monkeypatch.setattr(functions, "ask", refuse)

    recover_assembly.handler(told(cloud, "volume_detached"), cloud.context(seconds=8.5))

    found = cloud.incident()
    assert found is not None
    assert (found.instance, found.woken_by) == (node, "ebs")


@pytest.mark.parametrize(
    ("name", "words"), [("volume_attach_failed", "could not be attached: arn:aws:kms:"), ("volume_lost", "AWS_EBS_VOLUME_LOST since")]
)
def test_what_no_machine_of_ours_mends_is_told_to_people_once_and_who_serves_is_not_touched(
    cloud: Any, node: str, name: str, words: str
) -> None:
    event = told(cloud, name)

    for request in ("r-1", "r-2"):
        recover_assembly.handler(event, cloud.context(60, request))

    (incident,) = cloud.ended()
    assert (incident.woken_by, incident.escalated_to) == ("ebs", "person")
    assert words in incident.reason
    (message,) = cloud.messages("people")
    assert "made anew from its latest snapshot" in message["Message"]
    (item,) = history()
    assert item["categories"] == ["failure"]
    assert (cloud.state(node), holder(cloud)) == ("running", node)


def test_a_volume_of_somebody_else_is_nothing_to_us(cloud: Any, node: str) -> None:
    for name in ("volume_attach_failed", "volume_detached", "volume_lost"):
        recover_assembly.handler(cloud.event(name), cloud.context())

    assert (history(), cloud.asked, cloud.incident()) == ([], [], None)
