"""Fronts that are a private address: a network interface that is detached from one node and attached to another.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network-interface-attachments.html
"""

from __future__ import annotations

from typing import Any

from lambdas.adapters import clock, instances
from lambdas.adapters.clients import WorldFailed, calling, client
from lambdas.adapters.environment import FrontInterface
from lambdas.adapters.instances import NotYet

DEVICE_INDEX = 1  # the node's own interface is 0, and every instance type has room for a second one
DETACHED_WITHIN_S = 8.0
FORCED_AFTER_S = 3.0  # "as a last resort to detach a network interface from a failed instance": API_DetachNetworkInterface
ATTACHED_WITHIN_S = 8.0  # move_front has 30 s, and who asks it waits 25
ASK_EVERY_S = 0.5
# What EC2 says of an instance that is not far enough, or gone, and of an interface that somebody else has just taken or let go:
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
_NOT_YET = (
    "InvalidInstanceID",
    "InvalidInstanceID.NotFound",
    "IncorrectInstanceState",
    "IncorrectState",
    "InvalidNetworkInterface.InUse",
)
_DETACHED_ALREADY = ("InvalidAttachmentID.NotFound", "IncorrectState")


class InterfaceFront:
    """The address is looked for inside the network alone, where this function is not: it can read back, but not try."""

    def __init__(self, told: FrontInterface) -> None:
        self._told = told

    def __str__(self) -> str:
        return self._told.address

    def who_holds(self) -> str | None:
        """The instance that it is attached to; None while it is on its way."""
        attachment = self._attachment()
        return str(attachment["InstanceId"]) if attachment.get("Status") == "attached" else None

    def _attachment(self) -> dict[str, Any]:
        """Empty when it is nobody's."""
        with calling(f"describe the interface of {self}"):
            answer = client("ec2").describe_network_interfaces(NetworkInterfaceIds=[self._told.interface])
        return dict(answer["NetworkInterfaces"][0].get("Attachment") or {})

    def attach(self, instance: str) -> None:
        """The permit's holder alone is ever named here, and it has one only once its predecessor is gone: whoever else
        has the interface may be relieved of it, by force where its machine does not let go."""
        before = self._attachment()
        if before.get("InstanceId") != instance:
            machine = instances.describe([instance]).get(instance)
            if machine is None or machine.state != "running":  # asked before anybody else loses it
                raise NotYet(f"attach {self} to {instance}", "IncorrectState", f"it is {machine.state if machine else 'not known'}")
            if self._freed(before).get("InstanceId") != instance:
                self._take(instance)
        until_ms = clock.now_ms() + int(ATTACHED_WITHIN_S * 1000)
        while self.who_holds() != instance and clock.now_ms() < until_ms:
            clock.sleep(ASK_EVERY_S)

    def _freed(self, before: dict[str, Any]) -> dict[str, Any]:
        """Wait until whoever had it has it no more; what a terminated instance had, EC2 detaches by itself. Raises NotYet.

        Gives the attachment then, which is empty, or another call's; that one is left alone, and whoever asked this one asks again.
        """
        since_ms, asked, forced, attachment = clock.now_ms(), False, False, before
        while attachment and attachment["AttachmentId"] == before["AttachmentId"]:
            waited_s = (clock.now_ms() - since_ms) / 1000
            if waited_s >= DETACHED_WITHIN_S:
                raise NotYet(f"detach {self}", "StillAttached", f"it is {attachment['Status']} to {attachment['InstanceId']}")
            if not asked or (waited_s >= FORCED_AFTER_S and not forced):
                self._detach(str(attachment["AttachmentId"]), force=asked)
                asked, forced = True, asked
            clock.sleep(ASK_EVERY_S)
            attachment = self._attachment()
        return attachment

    def _detach(self, attachment: str, *, force: bool) -> None:
        try:
            with calling(f"detach {self}"):
                client("ec2").detach_network_interface(AttachmentId=attachment, Force=force)
        except WorldFailed as error:
            if error.code not in _DETACHED_ALREADY:
                raise

    def _take(self, instance: str) -> None:
        try:
            with calling(f"attach {self} to {instance}"):
                client("ec2").attach_network_interface(
                    NetworkInterfaceId=self._told.interface, InstanceId=instance, DeviceIndex=DEVICE_INDEX
                )
        except WorldFailed as error:
            if error.code not in _NOT_YET:
                raise
            raise NotYet(f"attach {self}", error.code, str(error)) from error

    def verify(self, for_s: float) -> bool | None:
        """Nothing to try from here; who_holds is AWS's word."""
        return None
