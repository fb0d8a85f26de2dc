"""A front that is a network interface: taken from its last node, by force if need be, and given to the next one by AWS's rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from lambdas.adapters import interface
from lambdas.adapters.clients import WorldFailed
from lambdas.adapters.environment import FrontInterface
from lambdas.adapters.instances import NotYet
from tests.lambdas.attaching import Attaching, in_place


@dataclass
class Ec2(Attaching):
    """An interface whose attachments take their time. sticks: its machine does not let go unless forced."""

    sticks: bool = False

    def describe_network_interfaces(self, NetworkInterfaceIds: list[str]) -> dict[str, Any]:
        attachment = {"AttachmentId": f"eni-attach-{self.turn}", "InstanceId": self.holder, "Status": self.state}
        return {"NetworkInterfaces": [{"Attachment": attachment} if self.holder else {}]}

    def detach_network_interface(self, AttachmentId: str, Force: bool) -> None:
        self.calls.append(f"detach{' by force' if Force else ''}")
        if AttachmentId != f"eni-attach-{self.turn}":
            raise WorldFailed("detach", "InvalidAttachmentID.NotFound", "no")
        self.state = "detaching"
        self.due_ms = 0 if self.sticks and not Force else self.now_ms + 1000

    def attach_network_interface(self, NetworkInterfaceId: str, InstanceId: str, DeviceIndex: int) -> None:
        if self.refuses:
            raise WorldFailed("attach", self.refuses, "no")
        if self.holder is not None:
            raise WorldFailed("attach", "InvalidNetworkInterface.InUse", "in use")
        self.calls.append(f"attach {InstanceId} at {DeviceIndex}")
        self.holder, self.state, self.due_ms = InstanceId, "attaching", self.now_ms + 2000


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch) -> Ec2:
    return in_place(Ec2(), interface, monkeypatch)


FRONT = interface.InterfaceFront(FrontInterface(interface="eni-1", address="10.20.0.9", ports=(8080,)))


def test_it_is_waited_for_until_it_is_really_attached(ec2: Ec2) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkInterfaceAttachment.html: attaching comes first."""
    FRONT.attach("i-new")

    assert (FRONT.who_holds(), ec2.calls) == ("i-new", ["attach i-new at 1"])


def test_nobody_holds_what_is_still_on_its_way(ec2: Ec2) -> None:
    ec2.holder, ec2.state = "i-new", "attaching"

    assert FRONT.who_holds() is None


def test_it_is_asked_for_politely_first(ec2: Ec2) -> None:
    ec2.holder, ec2.state = "i-old", "attached"

    FRONT.attach("i-new")

    assert (FRONT.who_holds(), ec2.calls) == ("i-new", ["detach", "attach i-new at 1"])


def test_a_machine_that_does_not_let_go_is_relieved_of_it_by_force(ec2: Ec2) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachNetworkInterface.html, Force."""
    ec2.holder, ec2.state, ec2.sticks = "i-old", "attached", True

    FRONT.attach("i-new")

    assert (FRONT.who_holds(), ec2.calls) == ("i-new", ["detach", "detach by force", "attach i-new at 1"])


@pytest.mark.parametrize("sticks", [False, True])
def test_what_another_call_attached_to_the_same_node_meanwhile_stays_there(ec2: Ec2, sticks: bool) -> None:
    """Two calls wait for the old machine to let go; found by history 19575, in which the later one tore it from the new node again."""
    ec2.holder, ec2.state, ec2.sticks, ec2.taken = "i-old", "detaching" if sticks else "attached", sticks, (1000, "i-new")

    FRONT.attach("i-new")

    assert (FRONT.who_holds(), ec2.calls) == ("i-new", ["detach"])


def test_what_another_call_attached_to_a_later_node_meanwhile_stays_there(ec2: Ec2) -> None:
    """That call read a later permit than this one."""
    ec2.holder, ec2.state, ec2.sticks, ec2.taken = "i-old", "attached", True, (2500, "i-newer")

    with pytest.raises(NotYet, match="InUse"):
        FRONT.attach("i-new")
    ec2.sleep(2)
    assert (FRONT.who_holds(), ec2.calls) == ("i-newer", ["detach"])


@pytest.mark.parametrize("state", ["pending", "shutting-down", "terminated", None])
def test_nobody_loses_it_to_an_instance_that_could_not_take_it(ec2: Ec2, state: str | None) -> None:
    ec2.holder, ec2.state = "i-old", "attached"
    ec2.states = {} if state is None else {"i-new": state}

    with pytest.raises(NotYet):
        FRONT.attach("i-new")
    assert (FRONT.who_holds(), ec2.calls) == ("i-old", [])


def test_an_instance_that_ec2_finds_not_far_enough_is_no_error_and_a_refusal_is_one(ec2: Ec2) -> None:
    ec2.refuses = "IncorrectState"
    with pytest.raises(NotYet):
        FRONT.attach("i-new")

    ec2.refuses = "UnauthorizedOperation"
    with pytest.raises(WorldFailed) as refused:
        FRONT.attach("i-new")
    assert not isinstance(refused.value, NotYet)
