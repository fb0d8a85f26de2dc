"""Volumes that move: AWS's rules through its API, and contents that only the machine sees that has the volume attached."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.ec2.volumes import disks_of
from tests.lab.groups_bench import Bench, bench

DISKS = Path(__file__).parents[2] / "lab/machines/disks.sh"


@pytest.fixture
def b(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def volume(b: Bench, zone: str = "us-east-1a") -> str:
    return str(b.ec2.create_volume(AvailabilityZone=zone, Size=1, VolumeType="gp3", Encrypted=True)["VolumeId"])


def row(b: Bench, vol: str) -> dict[str, Any]:
    return dict(b.ec2.describe_volumes(VolumeIds=[vol])["Volumes"][0])


def state(b: Bench, vol: str) -> str:
    found = row(b, vol)
    return str(found["Attachments"][0]["State"]) if found.get("Attachments") else str(found["State"])


def attach(b: Bench, vol: str, instance: str) -> None:
    b.ec2.attach_volume(VolumeId=vol, InstanceId=instance, Device="/dev/sdf")


def devices(b: Bench, instance: str) -> list[str]:
    folder = disks_of(b.world.lab_dir, instance)
    return sorted(name for name in os.listdir(folder) if not name.startswith(".")) if folder.exists() else []


def contents(b: Bench, instance: str, vol: str) -> Path:
    return disks_of(b.world.lab_dir, instance) / f".{device(vol)}"


def device(vol: str) -> str:
    return f"nvme-Amazon_Elastic_Block_Store_{vol.replace('-', '')}"


def test_a_node_sees_the_device_once_it_is_attached_and_a_new_one_is_blank(b: Bench):
    """https://docs.aws.amazon.com/ebs/latest/userguide/identify-nvme-ebs-device.html"""
    instance, vol = b.running_instance(), volume(b)

    attach(b, vol, instance)
    assert (state(b, vol), devices(b, instance)) == ("attaching", [])
    b.clock.advance(4)

    assert (state(b, vol), devices(b, instance)) == ("attached", [device(vol)])
    blank = disks_of(b.world.lab_dir, instance) / device(vol)
    assert blank.stat().st_size == 1 << 30
    with blank.open("rb") as reading:
        assert not any(reading.read(1 << 20))


def test_it_is_attached_within_its_zone_to_one_instance_and_not_before_that_one_runs(b: Bench):
    """https://docs.aws.amazon.com/ebs/latest/userguide/ebs-attaching-volume.html"""
    instance, vol = b.running_instance(), volume(b)
    with pytest.raises(ClientError, match=r"InvalidVolume\.ZoneMismatch"):
        attach(b, volume(b, "us-east-1b"), instance)
    with pytest.raises(ClientError, match="IncorrectState"):
        attach(b, vol, b.run_instance())
    attach(b, vol, instance)
    b.clock.advance(60)

    with pytest.raises(ClientError, match="VolumeInUse"):
        attach(b, vol, b.running_instance())


def test_termination_detaches_it_and_what_is_on_it_goes_to_the_next_one(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/preserving-volumes-on-termination.html"""
    first, second, vol = b.running_instance(), b.running_instance(), volume(b)
    attach(b, vol, first)
    b.clock.advance(4)
    (contents(b, first, vol) / "data").mkdir()
    (contents(b, first, vol) / "data/count").write_text("42")
    (contents(b, first, vol) / "mounted").write_text("/var/lib/counter")

    b.ec2.terminate_instances(InstanceIds=[first], SkipOsShutdown=True)
    b.settle()
    assert (state(b, vol), devices(b, first)) == ("available", [])
    attach(b, vol, second)
    b.clock.advance(4)

    assert (contents(b, second, vol) / "data/count").read_text() == "42"
    assert (contents(b, second, vol) / "mounted").exists()  # nobody unmounted it: its journal is to be replayed


def test_what_is_mounted_is_busy_until_it_is_not(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachVolume.html"""
    instance, vol = b.running_instance(), volume(b)
    attach(b, vol, instance)
    b.clock.advance(4)
    mark = contents(b, instance, vol) / "mounted"
    mark.write_text("/var/lib/counter")

    b.ec2.detach_volume(VolumeId=vol, InstanceId=instance)
    assert state(b, vol) == "detaching"
    b.clock.advance(60)
    assert (state(b, vol), devices(b, instance)) == ("busy", [device(vol)])
    mark.unlink()
    b.clock.advance(4)

    assert (state(b, vol), devices(b, instance)) == ("available", [])


def test_ebs_tells_of_what_was_detached_by_its_arn(b: Bench):
    """https://docs.aws.amazon.com/ebs/latest/userguide/ebs-cloud-watch-events.html#detach-volume"""
    instance, vol = b.running_instance(), volume(b)
    attach(b, vol, instance)
    b.clock.advance(4)
    assert b.events.details("EBS Volume Notification") == []

    b.ec2.detach_volume(VolumeId=vol, InstanceId=instance)
    b.clock.advance(4)

    ((source, detail, resources),) = ((s, d, r) for s, kind, d, r in b.events.sent if kind == "EBS Volume Notification")
    assert (source, detail["event"], detail["result"]) == ("aws.ec2", "detachVolume", "detached")
    assert resources == [f"arn:aws:ec2:us-east-1:123456789012:volume/{vol}"]


@pytest.mark.lab
def test_the_stand_ins_keep_to_the_programs_that_they_stand_for(in_space: None, tmp_path: Path) -> None:
    """blkid(8), mke2fs(8), e2fsck(8), mount(8): blank gives 2, a bad superblock 8 and 32, a replayed journal 1."""
    tools, by_id, place = tmp_path / "tools", Path("/dev/disk/by-id"), tmp_path / "place"
    place.mkdir()
    tools.mkdir()
    for name in ("blkid", "mkfs.ext4", "e2fsck", "mount", "umount"):
        (tools / name).write_text(DISKS.read_text().replace("/usr/host-bin/", "/usr/bin/").replace(str(by_id), str(tmp_path / "by-id")))
        (tools / name).chmod(0o755)
    (tmp_path / "by-id").mkdir()
    blank = tmp_path / "by-id/nvme-Amazon_Elastic_Block_Store_vol1"
    with blank.open("wb") as made:
        made.truncate(1 << 21)
    (tmp_path / "by-id/.nvme-Amazon_Elastic_Block_Store_vol1").mkdir()

    def run(name: str, *words: str) -> int:
        return subprocess.run([str(tools / name), *words], capture_output=True, timeout=10).returncode

    dev = str(blank)
    assert (run("blkid", "-p", dev), run("e2fsck", "-p", dev), run("mount", dev, str(place))) == (2, 8, 32)
    assert (run("mkfs.ext4", "-q", dev), run("blkid", "-p", dev), run("e2fsck", "-p", dev)) == (0, 0, 0)
    assert run("mount", "-o", "noatime", dev, str(place)) == 0
    (place / "count").write_text("1")
    assert run("umount", str(place)) == 0
    assert not (place / "count").exists()
    assert (run("mount", dev, str(place)), (place / "count").read_text()) == (0, "1")
    assert (run("e2fsck", "-p", dev), run("e2fsck", "-p", dev)) == (1, 0)  # as after a machine that was killed
    run("umount", str(place))
