"""A warm pool of real machines: one is prepared, stopped, taken out and starts again. Inside the lab's space, AWS's delays cut short."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from lab_machines import Rack, wait_for
from moto import mock_aws

import lab.ec2
import lab.groups
from lab.delays import Delays
from lab.emulator.fixups import images
from lab.machines import inside
from tests.lab.groups_bench import LAUNCH_HOOK, FakeEvents

pytestmark = [pytest.mark.lab, pytest.mark.heavy]
_QUICK = {"PENDING": "0.3", "BOOT": "0.3", "SHUTDOWN": "0.2", "GROUP_DETECTION": "0.5", "GROUP_LAUNCH": "0.2"}
# A unit that counts its starts on the disk and notes what only one boot knows; the user data counts itself.
USER_DATA = """#!/bin/bash
set -euo pipefail
echo once >> /opt/user-data
echo kept > /opt/kept
touch /tmp/gone /run/gone
cat > /opt/app.sh <<'END'
#!/bin/bash
cat /proc/sys/kernel/random/boot_id >> /opt/boots
exec sleep 1000
END
chmod +x /opt/app.sh
printf '[Service]\\nExecStart=/opt/app.sh\\n[Install]\\nWantedBy=multi-user.target\\n' > /etc/systemd/system/app.service
systemctl daemon-reload
systemctl enable --now app.service
"""


class Pooled:
    """Engines and real machines in one process."""

    def __init__(self, folder: Path) -> None:
        self.rack = Rack(folder)
        self.world, self.events = self.rack.world, FakeEvents()
        self.world.delays, self.world.events = Delays(), self.events
        images.install()
        lab.ec2.install(self.world)
        lab.groups.install(self.world)
        self.ec2: Any = boto3.client("ec2", "us-east-1")
        self.asg: Any = boto3.client("autoscaling", "us-east-1")
        lab.groups.start(self.world)

    def state(self, instance_id: str) -> str:
        rows = self.asg.describe_auto_scaling_instances(InstanceIds=[instance_id])["AutoScalingInstances"]
        return str(rows[0]["LifecycleState"]) if rows else "gone"

    def becomes(self, instance_id: str, state: str) -> None:
        wait_for(lambda: self.state(instance_id) == state, lambda: f"{state} of {instance_id}, which is {self.state(instance_id)}", 30)

    def complete(self, instance_id: str) -> None:
        asked = {"AutoScalingGroupName": "g", "LifecycleHookName": "admit", "InstanceId": instance_id}
        self.asg.complete_lifecycle_action(**asked, LifecycleActionResult="CONTINUE")

    def told(self, instance_id: str, path: str) -> list[str]:
        return inside.read(self.rack.machines.init_of(instance_id), path).split()

    def metadata(self, instance_id: str) -> str:
        code = (
            "from urllib.request import Request, urlopen\n"
            "base, key = 'http://169.254.169.254/latest/', 'X-aws-ec2-metadata-token'\n"
            "token = urlopen(Request(base + 'api/token', method='PUT', headers={key + '-ttl-seconds': '60'})).read().decode()\n"
            "path = base + 'meta-data/autoscaling/target-lifecycle-state'\n"
            "print(urlopen(Request(path, headers={key: token})).read().decode())\n"
        )
        return str(inside.run(self.rack.machines.init_of(instance_id), ["python3", "-c", code], timeout_s=20)["out"]).strip()


@pytest.fixture
def pooled(in_space: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pooled]:
    for name, seconds in _QUICK.items():
        monkeypatch.setenv(f"LAB_DELAY_{name}", seconds)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield Pooled(tmp_path)


def test_a_prepared_machine_starts_again_with_its_disk_and_without_its_user_data(pooled: Pooled) -> None:
    """warm-pool-instance-lifecycle.html: "By default, cloud-init runs user data only on the first boot"; AWSEC2 Stop_Start.html."""
    vpc = pooled.ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnet = pooled.ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24", AvailabilityZone="us-east-1a")["Subnet"]["SubnetId"]
    data = {"ImageId": "ami-0deb12000000000a6", "InstanceType": "t4g.small", "UserData": base64.b64encode(USER_DATA.encode()).decode()}
    template = pooled.ec2.create_launch_template(LaunchTemplateName="lt", LaunchTemplateData=data)["LaunchTemplate"]["LaunchTemplateId"]
    sizes = {"MinSize": 1, "MaxSize": 1, "VPCZoneIdentifier": subnet, "LaunchTemplate": {"LaunchTemplateId": template, "Version": "1"}}
    pooled.asg.create_auto_scaling_group(AutoScalingGroupName="g", LifecycleHookSpecificationList=[LAUNCH_HOOK], **sizes)
    wait_for(lambda: len(pooled.asg.describe_auto_scaling_instances()["AutoScalingInstances"]) == 1, lambda: "the group's own")
    first = str(pooled.asg.describe_auto_scaling_instances()["AutoScalingInstances"][0]["InstanceId"])
    pooled.asg.put_warm_pool(AutoScalingGroupName="g", MinSize=1, MaxGroupPreparedCapacity=2)
    pooled.becomes(first, "Pending:Wait")
    pooled.complete(first)
    pooled.becomes(first, "InService")

    wait_for(lambda: len(pooled.asg.describe_warm_pool(AutoScalingGroupName="g")["Instances"]) == 1, lambda: "one in the pool")
    (row,) = pooled.asg.describe_warm_pool(AutoScalingGroupName="g")["Instances"]
    machine, machines = str(row["InstanceId"]), pooled.rack.machines
    pooled.becomes(machine, "Warmed:Pending:Wait")
    pooled.rack.console_says("the user data has ended", instance_id=machine)
    assert pooled.metadata(machine) == "Warmed:Stopped"
    address = pooled.ec2.describe_instances(InstanceIds=[machine])["Reservations"][0]["Instances"][0]["PrivateIpAddress"]
    pid = next(int(process["pid"]) for process in machines.processes(machine) if process["unit"] == "app.service")
    pooled.complete(machine)
    pooled.becomes(machine, "Warmed:Stopped")
    assert not machines.is_on(machine)
    assert not os.path.exists(f"/proc/{pid}")

    pooled.asg.terminate_instance_in_auto_scaling_group(InstanceId=first, ShouldDecrementDesiredCapacity=False)
    pooled.becomes(machine, "Pending:Wait")
    pooled.rack.console_says("the user data was run at the first boot", instance_id=machine)
    wait_for(lambda: len(pooled.told(machine, "/opt/boots")) == 2, lambda: "its unit started again")
    assert len(set(pooled.told(machine, "/opt/boots"))) == 2
    assert (pooled.told(machine, "/opt/user-data"), pooled.told(machine, "/opt/kept")) == (["once"], ["kept"])
    assert inside.run(machines.init_of(machine), ["ls", "/tmp/gone", "/run/gone"], timeout_s=10)["code"] != 0
    assert pooled.metadata(machine) == "InService"
    assert pooled.ec2.describe_instances(InstanceIds=[machine])["Reservations"][0]["Instances"][0]["PrivateIpAddress"] == address
    pooled.complete(machine)
    pooled.becomes(machine, "InService")
    assert pooled.events.states(machine) == ["pending", "running", "stopping", "stopped", "pending", "running"]

    pooled.becomes(first, "gone")
    assert not Path("/run/lab-machines", first).exists()
