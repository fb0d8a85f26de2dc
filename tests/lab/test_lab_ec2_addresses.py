"""EC2's elastic addresses, and those that a subnet lends, through the API, against the pages they follow."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.lab.groups_bench import Bench
from tests.lab.test_lab_ec2 import b, code

__all__ = ["b"]  # a fixture

# --- elastic addresses: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateAddress.html


def allocate(b: Bench) -> tuple[str, str]:
    made = b.ec2.allocate_address(Domain="vpc")
    return str(made["AllocationId"]), str(made["PublicIp"])


def test_an_address_comes_from_the_test_net_and_routes_to_its_holder_after_awss_delay(b: Bench):
    allocation, address = allocate(b)
    instance = b.running_instance()
    b.ec2.associate_address(AllocationId=allocation, InstanceId=instance)
    assert address.startswith("198.51.100.")
    assert b.network.routes == {}

    b.clock.advance(1)
    assert b.network.routes == {address: b.instance(instance)["PrivateIpAddress"]}
    assert ("add_address", instance, address) in b.machines.calls
    told = b.ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0]
    assert (told["InstanceId"], told["PublicIp"]) == (instance, address)
    assert b.instance(instance)["PublicIpAddress"] == address


def test_an_address_moves_by_itself_unless_that_is_forbidden(b: Bench):
    allocation, address = allocate(b)
    old, new = b.running_instance(), b.running_instance()
    b.ec2.associate_address(AllocationId=allocation, InstanceId=old)
    b.clock.advance(1)
    with pytest.raises(ClientError) as error:
        b.ec2.associate_address(AllocationId=allocation, InstanceId=new, AllowReassociation=False)
    assert code(error) == "Resource.AlreadyAssociated"

    b.ec2.associate_address(AllocationId=allocation, InstanceId=new)
    b.clock.advance(1)
    assert b.network.routes[address] == b.instance(new)["PrivateIpAddress"]
    assert ("remove_address", old, address) in b.machines.calls
    assert "PublicIpAddress" not in b.instance(old)


def test_associating_again_with_the_same_instance_changes_nothing(b: Bench):
    allocation, _ = allocate(b)
    instance = b.running_instance()
    first = b.ec2.associate_address(AllocationId=allocation, InstanceId=instance)["AssociationId"]
    assert b.ec2.associate_address(AllocationId=allocation, InstanceId=instance)["AssociationId"] == first


def test_a_second_address_displaces_the_first_which_stays_allocated(b: Bench):
    (first, _), (second, _) = allocate(b), allocate(b)
    instance = b.running_instance()
    b.ec2.associate_address(AllocationId=first, InstanceId=instance)
    b.ec2.associate_address(AllocationId=second, InstanceId=instance)
    assert "InstanceId" not in b.ec2.describe_addresses(AllocationIds=[first])["Addresses"][0]


def test_a_pending_instance_cannot_have_an_address(b: Bench):
    """The error as quoted in https://github.com/hashicorp/terraform-provider-aws/pull/3072."""
    allocation, _ = allocate(b)
    instance = b.run_instance()
    with pytest.raises(ClientError, match=f"The pending instance '{instance}' is not in a valid state for this operation") as error:
        b.ec2.associate_address(AllocationId=allocation, InstanceId=instance)
    assert code(error) == "InvalidInstanceID"


def test_a_terminated_instance_loses_its_address(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html."""
    allocation, address = allocate(b)
    instance = b.running_instance()
    b.ec2.associate_address(AllocationId=allocation, InstanceId=instance)
    b.clock.advance(1)
    b.ec2.terminate_instances(InstanceIds=[instance], SkipOsShutdown=True)
    b.settle()
    b.clock.advance(1)
    assert "AssociationId" not in b.ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0]
    assert b.network.routes == {address: None}


def test_an_address_in_use_cannot_be_released(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReleaseAddress.html."""
    allocation, _ = allocate(b)
    association = b.ec2.associate_address(AllocationId=allocation, InstanceId=b.running_instance())["AssociationId"]
    with pytest.raises(ClientError) as error:
        b.ec2.release_address(AllocationId=allocation)
    assert code(error) == "InvalidIPAddress.InUse"

    b.ec2.disassociate_address(AssociationId=association)
    b.ec2.release_address(AllocationId=allocation)
    assert b.ec2.describe_addresses()["Addresses"] == []


def test_an_address_given_before_boot_is_there_after_it(b: Bench):
    allocation, address = allocate(b)
    instance = b.run_instance()
    b.clock.advance(5)
    b.ec2.associate_address(AllocationId=allocation, InstanceId=instance)
    b.clock.advance(2)
    assert not b.machines.is_on(instance)
    b.clock.advance(17)
    assert b.machines.calls[-1] == ("add_address", instance, address)


# --- addresses that a subnet lends ----------------------------------------------------------------------------------------


def lending(b: Bench) -> str:
    b.ec2.modify_subnet_attribute(SubnetId=b.subnets[0], MapPublicIpOnLaunch={"Value": True})
    return b.running_instance()


def test_a_subnet_that_says_so_lends_its_instances_a_public_address_until_they_end(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html."""
    assert "PublicIpAddress" not in b.instance(b.running_instance(SubnetId=b.subnets[1]))
    instance = lending(b)
    told = b.instance(instance)

    assert b.network.routes[told["PublicIpAddress"]] == told["PrivateIpAddress"]
    assert b.ec2.describe_addresses()["Addresses"] == [], "it is nobody's own"
    b.ec2.terminate_instances(InstanceIds=[instance])
    b.settle()
    assert b.network.routes[told["PublicIpAddress"]] is None


def test_an_elastic_address_takes_the_place_of_the_lent_one(b: Bench):
    """https://docs.aws.amazon.com/vpc/latest/userguide/vpc-eips.html: which goes back to the pool."""
    instance = lending(b)
    lent = b.instance(instance)["PublicIpAddress"]
    elastic = b.ec2.allocate_address(Domain="vpc")
    assert elastic["PublicIp"] != lent

    b.ec2.associate_address(AllocationId=elastic["AllocationId"], InstanceId=instance)
    b.clock.advance(10)

    assert b.instance(instance)["PublicIpAddress"] == elastic["PublicIp"]
    assert b.network.routes[lent] is None


def test_a_lent_address_goes_at_the_stop_and_another_comes_at_the_start(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html: released when it is stopped."""
    instance = lending(b)
    first = b.instance(instance)["PublicIpAddress"]
    b.ec2.stop_instances(InstanceIds=[instance])
    b.settle()
    assert "PublicIpAddress" not in b.instance(instance)
    assert b.network.routes[first] is None
    b.ec2.start_instances(InstanceIds=[instance])
    b.clock.advance(30)
    told = b.instance(instance)
    assert b.network.routes[told["PublicIpAddress"]] == told["PrivateIpAddress"]
    assert ("add_address", instance, told["PublicIpAddress"]) in b.machines.calls
