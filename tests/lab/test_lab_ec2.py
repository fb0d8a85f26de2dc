"""EC2's instances and images, through the API, against the pages they follow."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

import lab.ec2
from lab.ec2.shapes import coerce
from lab.ec2.states import GUEST_SHUTDOWN_S, may_follow, status_of
from lab.ec2.zones import lose, regain
from lab.journal import read
from tests.lab.groups_bench import Bench, bench, eventually, session


@pytest.fixture
def b(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_an_instance_is_pending_then_running_then_boots_after_awss_delays(b: Bench, tmp_path: Path):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html."""
    instance = b.run_instance()
    assert b.state(instance) == "pending"

    b.clock.advance(5)
    assert b.state(instance) == "running"
    assert not b.machines.is_on(instance)

    b.clock.advance(17)
    assert b.machines.is_on(instance)
    delays = [line for line in read(tmp_path / "journal.jsonl")[0] if line["kind"] == "delay" and line["subject"] == instance]
    assert [(line["name"], line["until"] - line["at"]) for line in delays] == [("pending", 5.0), ("boot", 17.0)]


def test_the_launch_template_counts_in_all_its_parts(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html; moto drops metadata options and profile."""
    b.iam.create_role(RoleName="node", AssumeRolePolicyDocument="{}")
    b.iam.create_instance_profile(InstanceProfileName="node")
    b.iam.add_role_to_instance_profile(InstanceProfileName="node", RoleName="node")
    group = b.ec2.create_security_group(GroupName="g", Description="d", VpcId=b.vpc)["GroupId"]
    template = b.template(
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        IamInstanceProfile={"Name": "node"},
        UserData=base64.b64encode(b"#!/bin/sh\n").decode(),
        SecurityGroupIds=[group],
        TagSpecifications=[
            {"ResourceType": kind, "Tags": [{"Key": "Name", "Value": "n"}]} for kind in ("instance", "network-interface", "volume")
        ],
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "VolumeType": "gp3", "Encrypted": True}}],
    )
    asked = {"SubnetId": b.subnets[0], "LaunchTemplate": {"LaunchTemplateId": template, "Version": "$Latest"}}
    instance = b.ec2.run_instances(MinCount=1, MaxCount=1, **asked)["Instances"][0]["InstanceId"]
    b.clock.advance(60)

    told, spec = b.instance(instance), b.machines.on[instance]
    assert (told["ImageId"], told["InstanceType"], told["Architecture"]) == ("ami-0deb12000000000a6", "t4g.small", "arm64")
    assert (told["MetadataOptions"]["HttpTokens"], told["MetadataOptions"]["HttpPutResponseHopLimit"]) == ("required", 1)
    assert told["IamInstanceProfile"]["Arn"].endswith("instance-profile/node")
    assert [group["GroupId"] for group in told["SecurityGroups"]] == [group]
    assert [mapping["DeviceName"] for mapping in told["BlockDeviceMappings"]] == ["/dev/xvda"]
    assert (spec.imds_tokens_required, spec.imds_hop_limit, spec.user_data) == (True, 1, b"#!/bin/sh\n")
    assert spec.role_arn == "arn:aws:iam::123456789012:role/node"
    assert (spec.subnet_cidr, spec.vpc_cidr, spec.private_ip) == ("10.20.1.0/24", "10.20.0.0/16", told["PrivateIpAddress"])
    assert spec.tags["Name"] == "n"
    nic = b.ec2.describe_network_interfaces()["NetworkInterfaces"][0]
    volume = b.ec2.describe_volumes()["Volumes"][0]
    assert nic["TagSet"] == volume["Tags"] == [{"Key": "Name", "Value": "n"}]


def test_state_changes_are_told_in_awss_shape_and_order(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-state-change-event.html."""
    instance = b.running_instance()
    b.ec2.terminate_instances(InstanceIds=[instance])
    b.settle()

    assert b.events.states(instance) == ["pending", "running", "shutting-down", "terminated"]
    source, kind, detail, resources = b.events.sent[0]
    assert (source, kind, set(detail)) == ("aws.ec2", "EC2 Instance State-change Notification", {"instance-id", "state"})
    assert resources == [f"arn:aws:ec2:us-east-1:123456789012:instance/{instance}"]


def test_termination_waits_for_the_guest_and_a_hung_one_takes_minutes(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-terminate-methods.html, default terminate."""
    instance = b.running_instance()
    b.machines.hung.add(instance)
    b.ec2.terminate_instances(InstanceIds=[instance])
    eventually(lambda: ("shut_down", instance, GUEST_SHUTDOWN_S) in b.machines.calls)
    assert b.state(instance) == "shutting-down"

    b.machines.cut.set()  # the guest's time is over
    b.settle()
    assert b.machines.calls[-1] == ("power_off", instance)
    assert b.state(instance) == "terminated"


def test_skipping_the_os_shutdown_cuts_the_power_at_once(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-terminate-methods.html, skip OS shutdown."""
    instance = b.running_instance()
    b.machines.hung.add(instance)
    b.ec2.terminate_instances(InstanceIds=[instance], SkipOsShutdown=True)
    b.settle()

    assert [call[0] for call in b.machines.calls if call[1] == instance] == ["boot", "power_off"]
    assert b.state(instance) == "terminated"


def test_while_ec2_ends_nothing_an_instance_is_stuck_in_shutting_down_with_its_power_on_whatever_is_asked(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/TroubleshootingInstancesShuttingDown.html"""
    instance = b.running_instance()
    b.world.hold_terminations = True
    b.ec2.terminate_instances(InstanceIds=[instance], SkipOsShutdown=True)
    b.ec2.terminate_instances(InstanceIds=[instance], Force=True)
    time.sleep(0.3)
    held = (b.state(instance), b.machines.is_on(instance))
    b.world.hold_terminations = False

    eventually(lambda: b.state(instance) == "terminated")
    assert held == ("shutting-down", True)
    assert not b.machines.is_on(instance)


@pytest.mark.parametrize("flag", ["SkipOsShutdown", "Force"])
def test_a_later_call_ends_the_wait_for_a_stuck_guest(b: Bench, flag: str):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-terminate-methods.html: force, when stuck in shutting-down."""
    instance = b.running_instance()
    b.machines.hung.add(instance)
    b.ec2.terminate_instances(InstanceIds=[instance])
    eventually(lambda: ("shut_down", instance, GUEST_SHUTDOWN_S) in b.machines.calls)

    again = b.ec2.terminate_instances(InstanceIds=[instance], **{flag: True})["TerminatingInstances"][0]
    b.settle()
    assert (again["PreviousState"]["Name"], again["CurrentState"]["Name"]) == ("shutting-down", "shutting-down")
    assert b.state(instance) == "terminated"
    assert b.events.states(instance).count("shutting-down") == 1


def test_termination_is_idempotent_and_all_or_nothing(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html."""
    instance = b.running_instance()
    with pytest.raises(ClientError) as error:
        b.ec2.terminate_instances(InstanceIds=[instance, "i-0123456789abcdef0"])
    assert (code(error), b.state(instance)) == ("InvalidInstanceID.NotFound", "running")

    for _ in range(2):
        b.ec2.terminate_instances(InstanceIds=[instance])
        b.settle()
    assert b.events.states(instance).count("terminated") == 1


def test_an_instance_terminated_while_pending_never_boots(b: Bench):
    instance = b.run_instance()
    b.ec2.terminate_instances(InstanceIds=[instance])
    b.settle()
    b.clock.advance(60)
    assert b.events.states(instance) == ["pending", "shutting-down", "terminated"]
    assert not b.machines.calls


def test_a_terminated_instance_is_shown_for_about_an_hour(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html."""
    instance = b.running_instance()
    b.ec2.terminate_instances(InstanceIds=[instance])
    b.settle()
    b.clock.advance(3500)
    lab.ec2.instances_of(b.world).sweep()
    assert b.state(instance) == "terminated"

    b.clock.advance(200)
    lab.ec2.instances_of(b.world).sweep()
    assert b.ec2.describe_instances()["Reservations"] == []


def test_stop_and_start_keep_the_instance_and_pass_through_their_states(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Stop_Start.html."""
    instance = b.running_instance()
    b.ec2.stop_instances(InstanceIds=[instance])
    b.settle()
    b.ec2.start_instances(InstanceIds=[instance])
    b.clock.advance(60)
    assert b.events.states(instance) == ["pending", "running", "stopping", "stopped", "pending", "running"]
    assert b.machines.is_on(instance)


@pytest.mark.parametrize(
    ("running_for_s", "silent_for_s", "expected"),
    [(30, None, "initializing"), (90, None, "ok"), (600, 60, "ok"), (600, 120, "impaired")],
)
def test_what_a_status_check_says(running_for_s: float, silent_for_s: float | None, expected: str):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html: every minute."""
    assert status_of(running_for_s=running_for_s, silent_for_s=silent_for_s) == expected


def test_a_hung_machine_fails_its_instance_status_check_but_not_the_systems(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html."""
    instance = b.running_instance()
    b.machines.hung.add(instance)
    lab.ec2.instances_of(b.world).sweep()
    b.clock.advance(121)
    status = b.ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"][0]
    assert (status["InstanceStatus"]["Status"], status["SystemStatus"]["Status"]) == ("impaired", "ok")
    assert status["InstanceStatus"]["Details"] == [{"Name": "reachability", "Status": "failed"}]


def test_console_output_is_the_machines_own(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html."""
    instance = b.running_instance()
    assert b.ec2.get_console_output(InstanceId=instance)["Output"] == f"console of {instance}\n"


@pytest.mark.parametrize("short", [True, ["t4g.small"], ["us-east-1a"]])
def test_capacity_can_be_short(b: Bench, short: Any):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html."""
    b.world.faults["insufficient_capacity"] = short
    with pytest.raises(ClientError) as error:
        b.run_instance()
    assert code(error) == "InsufficientInstanceCapacity"


def test_capacity_can_be_short_of_one_type_in_one_zone_and_ec2_says_where_there_is_some(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html, "Insufficient instance capacity"."""
    b.world.faults["insufficient_capacity"] = ["t4g.medium/us-east-1a", "t4g.small/us-east-1b"]
    b.run_instance()

    b.world.faults["insufficient_capacity"] = ["t4g.small/us-east-1a", "t4g.small/us-east-1b"]
    with pytest.raises(ClientError, match=r"not specifying an Availability Zone in your request or choosing us-east-1c, "):
        b.run_instance()


def test_a_lost_zone_powers_its_machines_off_and_launches_nothing_until_it_is_back(b: Bench):
    """https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/availability-zones.html."""
    instance = b.run_instance()
    b.clock.advance(60)
    instances = lab.ec2.instances_of(b.world)

    assert lose(b.world, instances, "us-east-1a") == [instance]
    assert (b.state(instance), b.machines.is_on(instance)) == ("running", False)
    with pytest.raises(ClientError) as error:
        b.run_instance()
    assert code(error) == "InsufficientInstanceCapacity"

    regain(b.world, "us-east-1a")
    b.run_instance()


def test_no_state_follows_another_that_ec2_does_not_allow():
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html."""
    assert not may_follow("shutting-down", "running")
    assert not may_follow("terminated", "pending")
    assert not may_follow("pending", "stopped")


def test_loose_properties_of_cloudformation_get_the_apis_types_and_unknown_ones_are_refused():
    options = {"HttpTokens": "required", "HttpPutResponseHopLimit": "1"}
    assert coerce("ec2", "RequestLaunchTemplateData", {"EbsOptimized": "true", "MetadataOptions": options}) == {
        "EbsOptimized": True,
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
    }
    with pytest.raises(ValueError, match="Colour"):
        coerce("ec2", "RequestLaunchTemplateData", {"Colour": "red"})


# --- images ---------------------------------------------------------------------------------------------------------------


def test_an_image_that_is_not_there_or_is_for_another_architecture_is_not_launched(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html and .../UserGuide/ComponentsAMIs.html."""
    with pytest.raises(ClientError) as missing:
        b.run_instance(ImageId="ami-0123456789abcdef0")
    with pytest.raises(ClientError, match="architecture 'x86_64' of the specified instance type does not match the architecture 'arm64'"):
        b.run_instance(InstanceType="m7i.large")

    assert code(missing) == "InvalidAMIID.NotFound"


@pytest.mark.parametrize(
    ("parameter", "device"),
    [
        ("/aws/service/debian/release/12/latest/{deb}", "/dev/xvda"),
        ("/aws/service/canonical/ubuntu/server/24.04/stable/current/{deb}/hvm/ebs-gp3/ami-id", "/dev/sda1"),
        ("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{rpm}", "/dev/xvda"),
    ],
)
def test_the_publishers_parameters_hold_an_image_for_either_architecture(b: Bench, parameter: str, device: str):
    """The pages are named in lab/emulator/fixups/images.py."""
    for architecture, deb in (("x86_64", "amd64"), ("arm64", "arm64")):
        name = parameter.format(deb=deb, rpm=architecture)
        held = session().client("ssm").get_parameters(Names=[name])["Parameters"][0]
        (image,) = b.ec2.describe_images(ImageIds=[held["Value"]])["Images"]

        assert (image["Architecture"], image["RootDeviceName"], held["DataType"]) == (architecture, device, "aws:ec2:image")


def test_a_disk_is_kept_until_its_instance_is_terminated(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Stop_Start.html."""
    instance = b.running_instance()
    b.ec2.stop_instances(InstanceIds=[instance])
    b.settle()
    assert (b.state(instance), b.machines.discarded) == ("stopped", [])
    b.ec2.terminate_instances(InstanceIds=[instance])
    b.settle()
    assert (b.state(instance), b.machines.discarded) == ("terminated", [instance])


def test_a_start_renews_the_launch_time(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html: "the time that the instance was last launched"."""
    instance = b.running_instance()
    b.ec2.stop_instances(InstanceIds=[instance])
    b.settle()
    b.clock.advance(3600)
    b.ec2.start_instances(InstanceIds=[instance])
    assert b.instance(instance)["LaunchTime"].timestamp() == b.clock.now()
