"""Reads AWS::ElasticLoadBalancingV2::* back."""

from __future__ import annotations

from typing import Any

from lab.conformance.live import Live, Read, only, reader, some


def _tags(elb: Any, arn: str) -> list[dict[str, str]]:
    return list(elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"])


def _wanted(read: Read, name: str, found: list[dict[str, str]]) -> list[dict[str, str]]:
    """Of all the attributes those that the template names: the others are AWS's defaults."""
    keys = {item["Key"] for item in read.wanted.get(name, [])}
    return [item for item in found if item["Key"] in keys]


@reader("AWS::ElasticLoadBalancingV2::LoadBalancer")
def load_balancer(read: Read) -> Live:
    elb, arn = read.api("elbv2"), read.physical_id
    found = only(elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"], arn)
    attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    properties = {
        **some(found, "Scheme", "Type", "SecurityGroups", "IpAddressType"),
        "Subnets": [zone["SubnetId"] for zone in found["AvailabilityZones"]],
        "LoadBalancerAttributes": _wanted(read, "LoadBalancerAttributes", attributes),
        "Tags": _tags(elb, arn),
    }
    return Live(properties, {"DNSName": found["DNSName"], "LoadBalancerArn": arn})


@reader("AWS::ElasticLoadBalancingV2::TargetGroup")
def target_group(read: Read) -> Live:
    elb, arn = read.api("elbv2"), read.physical_id
    found = only(elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"], arn)
    attributes = elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    properties = {**found, "TargetGroupAttributes": _wanted(read, "TargetGroupAttributes", attributes), "Tags": _tags(elb, arn)}
    return Live(properties, {"TargetGroupArn": arn})


@reader("AWS::ElasticLoadBalancingV2::Listener")
def listener(read: Read) -> Live:
    arn = read.physical_id
    found = only(read.api("elbv2").describe_listeners(ListenerArns=[arn])["Listeners"], arn)
    return Live(found, {"ListenerArn": arn})
