"""Reads AWS::EC2::* and AWS::Route53::* back."""

from __future__ import annotations

from typing import Any

from lab.conformance.live import Live, Read, only, reader, some


def _filter(name: str, value: str) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": [value]}]


@reader("AWS::EC2::VPC")
def vpc(read: Read) -> Live:
    ec2, vpc_id = read.api("ec2"), read.physical_id
    found = only(ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"], vpc_id)
    properties = some(found, "CidrBlock", "InstanceTenancy", "Tags")
    for name, attribute in (("EnableDnsSupport", "enableDnsSupport"), ("EnableDnsHostnames", "enableDnsHostnames")):
        properties[name] = ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=attribute)[name]["Value"]
    return Live(properties, {"VpcId": vpc_id, "CidrBlock": found["CidrBlock"]})


@reader("AWS::EC2::Subnet")
def subnet(read: Read) -> Live:
    found = only(read.api("ec2").describe_subnets(SubnetIds=[read.physical_id])["Subnets"], read.physical_id)
    names = ("VpcId", "CidrBlock", "AvailabilityZone")
    return Live(some(found, *names, "MapPublicIpOnLaunch", "Tags"), some(found, *names, "SubnetId"))


@reader("AWS::EC2::InternetGateway")
def internet_gateway(read: Read) -> Live:
    found = only(read.api("ec2").describe_internet_gateways(InternetGatewayIds=[read.physical_id])["InternetGateways"], read.physical_id)
    return Live(some(found, "Tags"), {"InternetGatewayId": read.physical_id})


@reader("AWS::EC2::VPCGatewayAttachment")
def gateway_attachment(read: Read) -> Live:
    vpc_id = read.physical_id.split("|")[1]
    found = read.api("ec2").describe_internet_gateways(Filters=_filter("attachment.vpc-id", vpc_id))["InternetGateways"]
    return Live({"VpcId": vpc_id, "InternetGatewayId": only(found, f"gateway of {vpc_id}")["InternetGatewayId"]})


@reader("AWS::EC2::RouteTable")
def route_table(read: Read) -> Live:
    found = only(read.api("ec2").describe_route_tables(RouteTableIds=[read.physical_id])["RouteTables"], read.physical_id)
    return Live(some(found, "VpcId", "Tags"), {"RouteTableId": read.physical_id})


@reader("AWS::EC2::Route")
def route(read: Read) -> Live:
    table, cidr = read.physical_id.split("|")
    found = only(read.api("ec2").describe_route_tables(RouteTableIds=[table])["RouteTables"], table)
    match = only([item for item in found["Routes"] if item.get("DestinationCidrBlock") == cidr], f"route to {cidr}")
    return Live({"RouteTableId": table, **some(match, "DestinationCidrBlock", "GatewayId", "NatGatewayId")})


@reader("AWS::EC2::SubnetRouteTableAssociation")
def route_table_association(read: Read) -> Live:
    name = "association.route-table-association-id"
    found = only(read.api("ec2").describe_route_tables(Filters=_filter(name, read.physical_id))["RouteTables"], read.physical_id)
    link = only([item for item in found["Associations"] if item["RouteTableAssociationId"] == read.physical_id], read.physical_id)
    return Live(some(link, "RouteTableId", "SubnetId"), {"Id": read.physical_id})


@reader("AWS::EC2::VPCEndpoint")
def vpc_endpoint(read: Read) -> Live:
    found = only(read.api("ec2").describe_vpc_endpoints(VpcEndpointIds=[read.physical_id])["VpcEndpoints"], read.physical_id)
    names = ("VpcId", "ServiceName", "VpcEndpointType", "RouteTableIds", "SubnetIds", "PolicyDocument", "PrivateDnsEnabled", "Tags")
    groups = {"SecurityGroupIds": [group["GroupId"] for group in found["Groups"]]} if found.get("Groups") else {}
    return Live(some(found, *names) | groups, {"Id": read.physical_id})


def _rule(found: dict[str, Any]) -> dict[str, Any]:
    """A rule in the template's words. AWS reports ports of -1 where a protocol has none."""
    properties = some(found, "IpProtocol", "Description", "GroupId")
    properties |= {port: found[port] for port in ("FromPort", "ToPort") if port in found}
    properties |= {"CidrIp": found["CidrIpv4"]} if found.get("CidrIpv4") else {}
    properties |= some(found, "CidrIpv6")
    if found.get("ReferencedGroupInfo"):
        side = "Destination" if found["IsEgress"] else "Source"
        properties[f"{side}SecurityGroupId"] = found["ReferencedGroupInfo"]["GroupId"]
    return properties


@reader("AWS::EC2::SecurityGroup")
def security_group(read: Read) -> Live:
    """Its own rules are those that are no resources of the stack by themselves."""
    ec2, group = read.api("ec2"), read.physical_id
    found = only(ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"], group)
    rules = ec2.describe_security_group_rules(Filters=_filter("group-id", group))["SecurityGroupRules"]
    own = [rule for rule in rules if rule["SecurityGroupRuleId"] not in read.stack_ids]
    properties = {"GroupDescription": found["Description"], **some(found, "GroupName", "VpcId", "Tags")}
    for name, egress in (("SecurityGroupIngress", False), ("SecurityGroupEgress", True)):
        properties[name] = [_rule(rule) for rule in own if rule["IsEgress"] == egress]
    return Live(properties, {"GroupId": group, "Id": group, "VpcId": found.get("VpcId")})


def _single_rule(read: Read, *, egress: bool) -> Live:
    found = read.api("ec2").describe_security_group_rules(SecurityGroupRuleIds=[read.physical_id])["SecurityGroupRules"]
    rule = only([item for item in found if item["IsEgress"] == egress], read.physical_id)
    return Live(_rule(rule), {"Id": read.physical_id})


@reader("AWS::EC2::SecurityGroupIngress")
def security_group_ingress(read: Read) -> Live:
    return _single_rule(read, egress=False)


@reader("AWS::EC2::SecurityGroupEgress")
def security_group_egress(read: Read) -> Live:
    return _single_rule(read, egress=True)


@reader("AWS::EC2::EIP")
def elastic_ip(read: Read) -> Live:
    found = only(read.api("ec2").describe_addresses(PublicIps=[read.physical_id])["Addresses"], read.physical_id)
    return Live(some(found, "Domain", "InstanceId", "Tags"), some(found, "AllocationId", "PublicIp"))


@reader("AWS::EC2::EIPAssociation")
def elastic_ip_association(read: Read) -> Live:
    found = read.api("ec2").describe_addresses(Filters=_filter("association-id", read.physical_id))["Addresses"]
    return Live(some(only(found, read.physical_id), "AllocationId", "InstanceId", "NetworkInterfaceId"), {"Id": read.physical_id})


@reader("AWS::EC2::LaunchTemplate")
def launch_template(read: Read) -> Live:
    ec2, template = read.api("ec2"), read.physical_id
    found = only(ec2.describe_launch_templates(LaunchTemplateIds=[template])["LaunchTemplates"], template)
    latest = only(
        ec2.describe_launch_template_versions(LaunchTemplateId=template, Versions=["$Latest"])["LaunchTemplateVersions"], template
    )
    attributes = {name: str(found[name]) for name in ("LatestVersionNumber", "DefaultVersionNumber", "LaunchTemplateId")}
    return Live({**some(found, "LaunchTemplateName"), "LaunchTemplateData": latest["LaunchTemplateData"]}, attributes)


@reader("AWS::Route53::HostedZone")
def hosted_zone(read: Read) -> Live:
    """Names come back with their last dot, which a template leaves out."""
    route53, zone = read.api("route53"), read.physical_id
    found = route53.get_hosted_zone(Id=zone)
    tags = route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone)["ResourceTagSet"]["Tags"]
    properties = {
        "Name": found["HostedZone"]["Name"].rstrip("."),
        "HostedZoneConfig": some(found["HostedZone"].get("Config", {}), "Comment"),
        "VPCs": [some(vpc, "VPCId", "VPCRegion") for vpc in found.get("VPCs", [])],
        "HostedZoneTags": tags,
    }
    return Live(properties, {"Id": zone})
