"""The volume of an assembly's state: attached to the permit's holder once it is available, and never torn from anybody."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from core import names
from lambdas import move_front
from lambdas.adapters import environment, volume
from lambdas.adapters.clients import WorldFailed
from lambdas.adapters.instances import NotYet
from tests.lambdas.attaching import Attaching, in_place
from tests.lambdas.conftest import A, D


@dataclass
class Ec2(Attaching):
    """A volume whose attachments take their time. busy: its file system is still mounted there."""

    busy: bool = False

    def detached(self) -> None:
        self.holder, self.state = (self.holder, "busy") if self.busy else (None, "")

    def describe_volumes(self, VolumeIds: list[str]) -> dict[str, Any]:
        if self.holder is None:
            return {"Volumes": [{"State": "available", "Attachments": []}]}
        return {"Volumes": [{"State": "in-use", "Attachments": [{"InstanceId": self.holder, "State": self.state}]}]}

    def detach_volume(self, VolumeId: str, InstanceId: str, Force: bool = False) -> None:
        self.calls.append(f"detach {InstanceId}{' by force' if Force else ''}")
        self.state, self.due_ms = "detaching", self.now_ms + 1000

    def attach_volume(self, VolumeId: str, InstanceId: str, Device: str) -> None:
        if self.refuses:
            raise WorldFailed("attach", self.refuses, "no")
        if self.holder is not None:
            raise WorldFailed("attach", "VolumeInUse", "in use")
        self.calls.append(f"attach {InstanceId} as {Device}")
        self.holder, self.state, self.due_ms = InstanceId, "attaching", self.now_ms + 3000


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch) -> Ec2:
    return in_place(Ec2(), volume, monkeypatch)


VOLUME = volume.Volume("vol-1")


def test_it_is_waited_for_until_it_is_really_attached(ec2: Ec2) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VolumeAttachment.html: attaching comes first."""
    VOLUME.attach("i-new")

    assert (VOLUME.who_holds(), ec2.calls) == ("i-new", ["attach i-new as /dev/sdf"])


def test_what_a_terminated_instance_had_is_waited_for_until_it_is_available(ec2: Ec2) -> None:
    ec2.holder, ec2.state, ec2.due_ms = "i-old", "detaching", 2000

    VOLUME.attach("i-new")

    assert (VOLUME.who_holds(), ec2.calls) == ("i-new", ["attach i-new as /dev/sdf"])


def test_what_its_holder_has_released_is_detached_first(ec2: Ec2) -> None:
    ec2.holder, ec2.state = "i-old", "attached"

    VOLUME.attach("i-new")

    assert (VOLUME.who_holds(), ec2.calls) == ("i-new", ["detach i-old", "attach i-new as /dev/sdf"])


def test_what_is_still_mounted_is_never_torn_away(ec2: Ec2) -> None:
    """API_DetachVolume, Force: "can lead to data loss or a corrupted file system"."""
    ec2.holder, ec2.state, ec2.busy = "i-old", "attached", True

    with pytest.raises(NotYet):
        VOLUME.attach("i-new")
    assert ec2.calls == ["detach i-old"]


@pytest.mark.parametrize("other", ["i-new", "i-newer"])
def test_what_another_call_attached_meanwhile_stays_there(ec2: Ec2, other: str) -> None:
    """EC2 detached it from its terminated holder by itself, and of two calls that wait for that the other one was quicker."""
    ec2.holder, ec2.state, ec2.taken = "i-old", "detaching", (2500, other)

    if other == "i-new":
        VOLUME.attach("i-new")
    else:
        with pytest.raises(NotYet, match="InUse"):
            VOLUME.attach("i-new")
    ec2.sleep(2)
    assert (VOLUME.who_holds(), ec2.calls) == (other, [])


@pytest.mark.parametrize("state", ["pending", "shutting-down", "terminated", None])
def test_nobody_loses_it_to_an_instance_that_could_not_take_it(ec2: Ec2, state: str | None) -> None:
    ec2.holder, ec2.state = "i-old", "attached"
    ec2.states = {} if state is None else {"i-new": state}

    with pytest.raises(NotYet):
        VOLUME.attach("i-new")
    assert (VOLUME.who_holds(), ec2.calls) == ("i-old", [])


def test_a_refusal_of_aws_is_an_error(ec2: Ec2) -> None:
    ec2.refuses = "UnauthorizedOperation"

    with pytest.raises(WorldFailed) as refused:
        VOLUME.attach("i-new")
    assert not isinstance(refused.value, NotYet)


def test_move_front_puts_it_where_the_permit_says(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ec2 = cloud.client("ec2")
    (node,) = cloud.members()
    zone = ec2.describe_instances(InstanceIds=[node])["Reservations"][0]["Instances"][0]["Placement"]["AvailabilityZone"]
    made = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    monkeypatch.setenv(names.ENV_VOLUMES, json.dumps({A: made}))
    environment._volumes.cache_clear()
    cloud.permit(node, 1)

    placed = [move_front.handler({"assembly": {"deployable": D, "assembly": A}, "state": True}, cloud.context()) for _ in range(2)]

    environment._volumes.cache_clear()
    assert [answer["held_by"] for answer in placed] == [node, node]
    assert [answer["moved"] for answer in placed] == [True, False]
    assert cloud.front_holder() is None  # the front is another errand
