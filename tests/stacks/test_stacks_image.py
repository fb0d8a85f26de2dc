"""What machines start from and are bought as, in the template and in their user data."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from core import names
from core.images import NAMED
from stacks.bootstrap import Item, user_data
from tests.stacks.conftest import Synth, Template, as_list

FILE = """\
deployable: images
assemblies:
  - name: pinned
    image: ubuntu-24.04
    instances: [t4g.small]
    warm_pool: true
    state: {keep: none}
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
  - name: amazon
    image: amazon-linux-2023
    instances: [m7i.large]
    state: {keep: none}
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
  - name: golden
    image: ami-0123456789abcdef0
    root_device: /dev/nvme0n1
    instances: [m7i.large]
    spot: true
    maximum_lifetime: 7d
    state: {keep: none}
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
"""
LOCK = """\
images:
  eu-central-1:
    /aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id: ami-00000000000000001
    /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64: ami-00000000000000002
  us-east-1:
    /aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id: ami-00000000000000003
    /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64: ami-00000000000000004
"""


@pytest.fixture(scope="module")
def template(synth: Synth, tmp_path_factory: pytest.TempPathFactory) -> Template:
    folder = tmp_path_factory.mktemp("images")
    (folder / "images.yaml").write_text(FILE)
    (folder / "images.lock.yaml").write_text(LOCK)
    done = synth(folder / "out", folder / "images.yaml")
    assert done.returncode == 0, done.stderr
    said = "".join(file.read_text() for file in (folder / "out").glob("*.json") if "template" not in file.name)
    assert "installs python3.11 from Amazon's repository" in said
    assert "newest at each deploy" not in said
    return Template(json.loads((folder / "out" / "understudy-images.template.json").read_text()))


def launches(template: Template) -> dict[str, dict[str, Any]]:
    """Each assembly's launch template data."""
    found = {}
    for launch in template.of("AWS::EC2::LaunchTemplate"):
        data = launch["LaunchTemplateData"]
        (assembly,) = (tag["Value"] for tag in data["TagSpecifications"][0]["Tags"] if tag["Key"] == names.TAG_ASSEMBLY)
        found[assembly] = data
    return found


def test_a_pinned_image_is_found_by_region_and_nothing_is_asked_at_a_deploy(template: Template) -> None:
    def in_region(image: dict[str, Any], region: str) -> str:
        mapping, by, key = image["Fn::FindInMap"]
        assert by == {"Ref": "AWS::Region"}
        return str(template.body["Mappings"][mapping][region][key])

    told = launches(template)

    assert in_region(told["pinned"]["ImageId"], "eu-central-1") == "ami-00000000000000001"
    assert in_region(told["amazon"]["ImageId"], "us-east-1") == "ami-00000000000000004"
    assert told["golden"]["ImageId"] == "ami-0123456789abcdef0"
    assert not [parameter for parameter in template.body["Parameters"].values() if "Image" in parameter["Type"]]


def test_the_disk_that_is_encrypted_is_the_images_own(template: Template) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html: another name would be a second disk beside it."""
    for assembly, device in (("pinned", "/dev/sda1"), ("amazon", "/dev/xvda"), ("golden", "/dev/nvme0n1")):
        (mapping,) = launches(template)[assembly]["BlockDeviceMappings"]
        assert (mapping["DeviceName"], mapping["Ebs"]["Encrypted"]) == (device, True)


def test_an_image_without_a_pin_is_asked_for_at_every_deploy(synthesized: tuple[Path, str]) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html."""
    demo = json.loads((synthesized[0] / "understudy-demo.template.json").read_text())
    (image,) = (parameter for parameter in demo["Parameters"].values() if "EC2::Image::Id" in parameter["Type"])

    assert image["Default"] == NAMED["debian-12"].parameters["arm64"]
    said = "".join(file.read_text() for file in synthesized[0].glob("*.json") if "template" not in file.name)
    assert "newest at each deploy" in said, "cdk prints it"


# --- what they are bought as, and for how long ----------------------------------------------------------------------------


def groups(template: Template) -> dict[str, dict[str, Any]]:
    return {
        tag["Value"]: group
        for group in template.of("AWS::AutoScaling::AutoScalingGroup")
        for tag in group["Tags"]
        if tag["Key"] == names.TAG_ASSEMBLY
    }


def test_a_group_ends_the_old_machine_before_the_new_one_serves_whatever_the_reason(template: Template) -> None:
    """Terminate and launch: .../autoscaling/ec2/userguide/instance-maintenance-policy-overview-and-considerations.html."""
    for group in groups(template).values():
        assert group["InstanceMaintenancePolicy"] == {"MinHealthyPercentage": 0, "MaxHealthyPercentage": 100}
        assert "CapacityRebalance" not in group, "it would launch first"


def test_spot_is_bought_where_the_file_says_so_and_nowhere_else(template: Template) -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/allocation-strategies.html"""
    told = groups(template)
    policy = told["golden"]["MixedInstancesPolicy"]

    assert policy["InstancesDistribution"] == {
        "OnDemandBaseCapacity": 0,
        "OnDemandPercentageAboveBaseCapacity": 0,
        "SpotAllocationStrategy": "capacity-optimized-prioritized",
    }
    assert [override["InstanceType"] for override in policy["LaunchTemplate"]["Overrides"]] == ["m7i.large"]
    assert "MixedInstancesPolicy" not in told["pinned"]


def test_a_warm_pool_has_one_machine_that_is_stopped_where_the_file_says_so_and_nowhere_else(template: Template) -> None:
    """An absolute size: https://docs.aws.amazon.com/AutoScaling/latest/APIReference/API_PutWarmPool.html"""
    pool = dict(template.only("AWS::AutoScaling::WarmPool"))
    group = template.resources[pool.pop("AutoScalingGroupName")["Ref"]]["Properties"]

    assert group["LifecycleHookSpecificationList"], "the hooks are the group's own, and so there before the pool is"
    assert {"Key": names.TAG_ASSEMBLY, "PropagateAtLaunch": True, "Value": "pinned"} in group["Tags"]
    assert "MixedInstancesPolicy" not in group
    assert pool == {"PoolState": "Stopped", "MinSize": 1, "MaxGroupPreparedCapacity": 1, "InstanceReusePolicy": {"ReuseOnScaleIn": False}}


def test_who_looks_at_groups_looks_into_their_pools_and_recovery_alone_ends_what_is_in_them(template: Template) -> None:
    """By EC2 and the instance's tag: Auto Scaling's own call "cannot be called on instances in a warm pool"."""
    for role in ("tick", "recover_assembly", "admit_node", "retire_node"):
        found = {action for statement in template.statements(template.role_of(role)) for action in as_list(statement["Action"])}
        assert "autoscaling:DescribeWarmPool" in found
        assert ("ec2:TerminateInstances" in found) is (role == "recover_assembly")
        assert not {action for action in found if "WarmPool" in action} - {"autoscaling:DescribeWarmPool"}


def test_a_lifetime_is_a_rehearsal_that_the_group_itself_begins(template: Template) -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-max-instance-lifetime.html"""
    told = groups(template)

    assert told["golden"]["MaxInstanceLifetime"] == 7 * 86_400
    assert "MaxInstanceLifetime" not in told["pinned"]


# --- Python on the machine ------------------------------------------------------------------------------------------------


def script(image: str) -> str:
    return user_data(
        image=image,
        bucket="assets",
        region="us-east-1",
        suffix="amazonaws.com",
        release="r1",
        items=[Item("k.zip", "0" * 64, 10, "zip", "/opt/x")],
        environment=(("A", "b"),),
    )


@pytest.mark.parametrize("image", ["debian-12", "ubuntu-24.04"])
def test_an_image_with_a_python_that_will_do_asks_no_package_index(image: str) -> None:
    assert not re.search(
        r"\b(dnf|apt|apt-get|pip|curl)\b", script(image).split("UNDERSTUDY-PROGRAM")[0] + script(image).split("UNDERSTUDY-ENV\n")[-1]
    )
    assert "\npython3 /opt/understudy/bootstrap.py" in script(image)


def finder(image: str) -> str:
    """The part of the script that finds a Python, and what it found."""
    text = script(image)
    return text[text.index("set -euo") : text.index("install -d")] + 'echo "found $python"\n'


def machine(folder: Path, programs: dict[str, str]) -> dict[str, str]:
    """A PATH with nothing but these; each is a shell script."""
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return {"PATH": str(folder)}


def run(folder: Path, image: str, programs: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/bash", "-c", finder(image)], env=machine(folder, programs), capture_output=True, text=True, timeout=20)


def test_amazon_linux_installs_a_newer_python_beside_its_own_once(tmp_path: Path) -> None:
    new = (
        f"/bin/printf '#!/bin/sh\\nexit 0\\n' > {tmp_path}/python3.11; /bin/chmod 755 {tmp_path}/python3.11; echo \"$@\" >> {tmp_path}/log"
    )
    programs = {"python3": "exit 1", "dnf": new}

    done = run(tmp_path, "amazon-linux-2023", programs)
    again = run(tmp_path, "amazon-linux-2023", programs)

    assert done.stdout == again.stdout == f"found {tmp_path}/python3.11\n"
    assert (tmp_path / "log").read_text() == "-y -q install python3.11\n"


def test_an_image_of_ones_own_uses_the_python_that_it_has_and_installs_none(tmp_path: Path) -> None:
    newer = run(tmp_path, "ami-0123456789abcdef0", {"python3": "exit 1", "python3.12": "exit 0", "dnf": "exit 0"})
    assert newer.stdout == f"found {tmp_path}/python3.12\n"

    (tmp_path / "python3.12").unlink()
    none = run(tmp_path, "ssm:/golden", {"python3": "exit 1", "dnf": "exit 0"})
    assert (none.returncode, none.stdout) == (1, "")
    assert "has no Python 3.11 or newer" in none.stderr


def test_the_agents_unit_and_scripts_run_on_the_python_that_was_found(tmp_path: Path) -> None:
    """Also when the user data runs again."""
    root = Path(__file__).resolve().parents[2] / "agent"
    scripts = tmp_path / names.NODE_HOME.lstrip("/") / "current/agent/agent/scripts"
    units = tmp_path / "etc/systemd/system"
    scripts.mkdir(parents=True)
    units.mkdir(parents=True)
    for name in ("monitor", "online", "offline", "clean"):
        (scripts / name).write_bytes((root / "scripts" / name).read_bytes())
    (units / names.NODE_UNIT).write_bytes((root / names.NODE_UNIT).read_bytes())
    text = script("amazon-linux-2023")
    edits = "\n".join(line for line in text.splitlines() if line.startswith("sed -i"))
    for place in ("/etc/systemd", names.NODE_HOME):
        edits = edits.replace(f" {place}", f" {tmp_path}{place}")

    for _ in range(2):
        subprocess.run(["/bin/bash", "-c", f"set -eu; python=/usr/bin/python3.11\n{edits}"], check=True, timeout=20)

    assert "ExecStart=/usr/bin/python3.11 -m agent run\n" in (units / names.NODE_UNIT).read_text()
    for name in ("monitor", "online", "offline", "clean"):
        assert (scripts / name).read_text().startswith("#!/usr/bin/env -S /usr/bin/python3.11 -s\n")
