"""The volume that an assembly's state is kept on: attached to the permit's holder, never by force.

https://docs.aws.amazon.com/ebs/latest/userguide/ebs-attaching-volume.html
"""

from __future__ import annotations

from typing import Any

from lambdas.adapters import clock, instances, register
from lambdas.adapters.clients import WorldFailed, calling, client
from lambdas.adapters.instances import NotYet

DEVICE = "/dev/sdf"  # of those for data volumes: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html
DETACHED_WITHIN_S = 8.0
ATTACHED_WITHIN_S = 8.0  # move_front has 30 s, and who asks it waits 25
ASK_EVERY_S = 0.5
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
_NOT_YET = ("InvalidInstanceID.NotFound", "IncorrectInstanceState", "IncorrectState", "VolumeInUse")
_DETACHED_ALREADY = ("IncorrectState", "InvalidAttachment.NotFound")


class Volume:
    def __init__(self, volume: str) -> None:
        self._volume = volume

    def __str__(self) -> str:
        return self._volume

    def who_holds(self) -> str | None:
        """The instance that it is attached to; None while it is on its way."""
        attachment = self._attachment()
        return str(attachment["InstanceId"]) if attachment.get("State") == "attached" else None

    def attach(self, instance: str) -> None:
        """The permit's holder alone is ever named here, and it has one only once its predecessor is terminated, when EC2 detaches
        the volume by itself, or has released it, which is after it unmounted. So nothing has to be forced, and nothing is: a forced
        detachment loses what the other machine has not written yet. Raises NotYet; WorldFailed."""
        before = self._attachment()
        if before.get("InstanceId") != instance:
            machine = instances.describe([instance]).get(instance)
            if machine is None or machine.state != "running":
                raise NotYet(f"attach {self} to {instance}", "IncorrectState", f"it is {machine.state if machine else 'not known'}")
            if self._freed(before).get("InstanceId") != instance:
                self._take(instance)
        until_ms = clock.now_ms() + int(ATTACHED_WITHIN_S * 1000)
        while self.who_holds() != instance and clock.now_ms() < until_ms:
            clock.sleep(ASK_EVERY_S)

    def _attachment(self) -> dict[str, Any]:
        """Empty when it is nobody's and available."""
        with calling(f"describe {self}"):
            row = client("ec2").describe_volumes(VolumeIds=[self._volume])["Volumes"][0]
        found = [attachment for attachment in row.get("Attachments", []) if attachment.get("State") != "detached"]
        if not found and row["State"] != "available":
            return {"State": row["State"], "InstanceId": ""}
        return dict(found[0]) if found else {}

    def _freed(self, before: dict[str, Any]) -> dict[str, Any]:
        """Wait until whoever had it has it no more. Raises NotYet.

        Gives the attachment then, which is empty, or another call's; that one is left alone, and whoever asked this one asks again.
        """
        until_ms, asked, attachment = clock.now_ms() + int(DETACHED_WITHIN_S * 1000), False, before
        while attachment and attachment["InstanceId"] == before["InstanceId"]:
            if clock.now_ms() >= until_ms:
                raise NotYet(f"detach {self}", "StillAttached", f"it is {attachment['State']} at {attachment['InstanceId'] or 'nobody'}")
            if not asked and attachment["State"] in ("attached", "attaching"):
                self._detach(str(attachment["InstanceId"]))
                asked = True
            clock.sleep(ASK_EVERY_S)
            attachment = self._attachment()
        return attachment

    def _detach(self, instance: str) -> None:
        try:
            with calling(f"detach {self} from {instance}"):
                client("ec2").detach_volume(VolumeId=self._volume, InstanceId=instance)
        except WorldFailed as error:
            if error.code not in _DETACHED_ALREADY:
                raise

    def _take(self, instance: str) -> None:
        try:
            with calling(f"attach {self} to {instance}"):
                client("ec2").attach_volume(VolumeId=self._volume, InstanceId=instance, Device=DEVICE)
        except WorldFailed as error:
            if error.code not in _NOT_YET:
                raise
            raise NotYet(f"attach {self}", error.code, str(error)) from error


def volume_of(deployable: str, assembly: str) -> Volume | None:
    """None when its state is kept on none. Raises BadEnvironment, WorldFailed."""
    volume = register.volume_of(deployable, assembly)
    return Volume(volume) if volume is not None else None
