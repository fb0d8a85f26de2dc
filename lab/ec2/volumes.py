"""Volumes that move: attached and detached by AWS's rules and in its time, and what is on them goes along.

Rules: https://docs.aws.amazon.com/ebs/latest/userguide/ebs-attaching-volume.html and ebs-detaching-volume.html. A volume is a file of
its size (blank: zeros) and a folder with what its file system holds. Both lie in one machine's /dev/disk/by-id at a time, or in
nobody's: whoever does not have it attached finds nothing there. lab/machines/disks.sh makes, checks and mounts file systems on it.
"""

from __future__ import annotations

import threading
import uuid
from pathlib import Path
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import elastic_block_store
from moto.ec2.models.block_device import BlockDeviceType
from moto.ec2.responses.elastic_block_store import ElasticBlockStore

from lab.ec2.lifecycle import Instances
from lab.patching import take_over
from lab.world import ACCOUNT, REGION, World

# https://docs.aws.amazon.com/ebs/latest/userguide/identify-nvme-ebs-device.html: the serial number is the id without its dash
_LINK = "nvme-Amazon_Elastic_Block_Store_{serial}"
GIB = 1 << 30
_Attachment: Any = elastic_block_store.VolumeAttachment  # volume, instance, device, status


class Volumes:
    """Attachments of volumes that were made by themselves; an instance's own disks come and go with it."""

    def __init__(self, world: World, instances: Instances) -> None:
        self._world, self._instances = world, instances
        self._lock = threading.RLock()
        instances.on_gone.append(self._let_go)

    def attach(self, volume: Any, instance: Any, device: str) -> Any:
        """Its errors: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html."""
        with self._lock:
            life = self._instances.find(instance.id)
            if volume.attachment:
                raise EC2ClientError("VolumeInUse", f"{volume.id} is already attached to an instance")
            if life is None or life.state not in ("running", "stopped"):
                raise EC2ClientError("IncorrectState", f"Instance '{instance.id}' is not 'running'.")
            if volume.zone.name != instance.availability_zone:
                text = f"The volume '{volume.id}' is not in the same availability zone as instance '{instance.id}'"
                raise EC2ClientError("InvalidVolume.ZoneMismatch", text)
            if device in instance.block_device_mapping:
                raise EC2ClientError(
                    "InvalidParameterValue", f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"
                )
            made = _Attachment(volume, instance, device, "attaching")
            volume.attachment = made
            instance.block_device_mapping[device] = BlockDeviceType(
                volume_id=volume.id, status="in-use", size=volume.size, attach_time=made.attach_time, delete_on_termination=False
            )
            self._say(volume, "is attaching at")
            self._later(volume, lambda: self._attached(volume, made))
            return made

    def detach(self, volume: Any, instance_id: str | None, *, force: bool) -> Any:
        """Busy while it is mounted, for as long as it is; API_DetachVolume. By force at once, whatever is lost."""
        with self._lock:
            found = volume.attachment
            if found is None or (instance_id is not None and found.instance.id != instance_id):
                raise EC2ClientError("IncorrectState", f"Volume '{volume.id}' is in the 'available' state.")
            if found.status in ("detaching", "busy") and not force:
                raise EC2ClientError("IncorrectState", f"Volume '{volume.id}' is being detached already.")
            found.status = "detaching"
            self._say(volume, "is detaching from")
            self._later(volume, lambda: self._detached(volume, found, force=force))
            return _Attachment(volume, found.instance, found.device, "detaching")

    def _attached(self, volume: Any, made: Any) -> None:
        with self._lock:
            if volume.attachment is made and made.status == "attaching":
                made.status = "attached"
                self._move(volume, self._folder_of(made.instance.id))
                self._say(volume, "is attached to")

    def _detached(self, volume: Any, found: Any, *, force: bool) -> None:
        with self._lock:
            if volume.attachment is not found:
                return
            machines = self._world.machines
            on = machines is not None and machines.is_on(found.instance.id)
            if on and not force and (self._folder_of(found.instance.id) / f".{_link(volume)}" / "mounted").exists():
                if found.status != "busy":
                    found.status = "busy"
                    self._say(volume, "is mounted, and busy, at")
                self._world.clock.later(self._world.delays["volume_move"].seconds, lambda: self._detached(volume, found, force=False))
                return
            self._release(volume)

    def _release(self, volume: Any) -> None:
        found = volume.attachment
        self._say(volume, "has left")
        found.instance.block_device_mapping.pop(found.device, None)
        volume.attachment = None
        self._move(volume, self._world.lab_dir / "volumes")
        self._tell(volume)

    def _tell(self, volume: Any) -> None:
        """https://docs.aws.amazon.com/ebs/latest/userguide/ebs-cloud-watch-events.html#detach-volume"""
        if self._world.events is None:
            return
        detail = {"event": "detachVolume", "result": "detached", "cause": "", "request-id": str(uuid.uuid4())}
        self._world.events.emit("aws.ec2", "EBS Volume Notification", detail, [f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/{volume.id}"])

    def _let_go(self, instance_id: str) -> None:
        """A terminated instance's volumes are detached; those made by themselves stay.

        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/preserving-volumes-on-termination.html
        """
        life = self._instances.find(instance_id)
        if life is None:
            return
        with self._lock:
            for volume in list(life.moto.ec2_backend.volumes.values()):
                attachment = volume.attachment
                if attachment is not None and attachment.instance.id == instance_id and self._is_ours(attachment):
                    self._release(volume)

    @staticmethod
    def _is_ours(attachment: Any) -> bool:
        mapped = attachment.instance.block_device_mapping.get(attachment.device)
        return mapped is not None and not mapped.delete_on_termination

    def _later(self, volume: Any, act: Any) -> None:
        delay, clock = self._world.delays["volume_move"], self._world.clock
        start = clock.now()
        self._world.journal.delay("volume_move", volume.id, start=start, end=start + clock.real(delay.seconds), source=delay.source)
        clock.later(delay.seconds, act)

    def _say(self, volume: Any, what: str) -> None:
        instance = volume.attachment.instance.id
        self._world.journal.say("ec2", f"{volume.id} {what} {instance}", instance=instance)

    def _folder_of(self, instance_id: str) -> Path:
        return disks_of(self._world.lab_dir, instance_id)

    def _move(self, volume: Any, to: Path) -> None:
        """The device comes last and leaves first: whoever sees it finds what is on it."""
        name, contents = _link(volume), f".{_link(volume)}"
        to.mkdir(parents=True, exist_ok=True)
        places = (self._world.lab_dir / "volumes", *(self._world.lab_dir / "disks").glob("*"))
        known = next((place for place in places if (place / name).exists()), None)
        if known == to:
            return
        if known is None:
            (to / contents).mkdir(exist_ok=True)
            with (to / name).open("wb") as blank:
                blank.truncate(volume.size * GIB)
            return
        held = known / f"{contents}.moving"
        (known / name).rename(held)
        (known / contents).rename(to / contents)
        held.rename(to / name)


def _link(volume: Any) -> str:
    return _LINK.format(serial=volume.id.replace("-", ""))


def disks_of(lab_dir: Path, instance_id: str) -> Path:
    """What a machine sees as /dev/disk/by-id."""
    return lab_dir / "disks" / instance_id


def patch(volumes: Volumes) -> None:
    """In moto's place: attaching and detaching take their time."""

    def told(attachment: Any) -> ActionResult:
        return ActionResult(
            {
                "VolumeId": attachment.volume.id,
                "InstanceId": attachment.instance.id,
                "Device": attachment.device,
                "State": attachment.status,
                "AttachTime": attachment.attach_time,
            }
        )

    def attach_volume(self: Any) -> ActionResult:
        backend = self.ec2_backend
        volume, instance = backend.get_volume(self._get_param("VolumeId")), backend.get_instance(self._get_param("InstanceId"))
        self.error_on_dryrun()
        return told(volumes.attach(volume, instance, self._get_param("Device")))

    def detach_volume(self: Any) -> ActionResult:
        volume = self.ec2_backend.get_volume(self._get_param("VolumeId"))
        self.error_on_dryrun()
        return told(volumes.detach(volume, self._get_param("InstanceId"), force=self._get_bool_param("Force", False)))

    take_over(ElasticBlockStore, attach_volume=attach_volume, detach_volume=detach_volume)
