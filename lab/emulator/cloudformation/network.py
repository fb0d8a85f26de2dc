"""AWS::EC2::*: the VPC and what lies in it."""

from __future__ import annotations

import json
from typing import Any

from lab.emulator.cloudformation.provider import Made, Request, resource


def _tags(request: Request, kind: str) -> list[dict[str, Any]]:
    """TagSpecifications, empty when there are no tags (the API refuses an empty list of tags)."""
    tags = request.props.tags()
    return [{"ResourceType": kind, "Tags": tags}] if tags else []


def _is(value: Any) -> bool:
    return str(value).lower() == "true"


@resource("AWS::EC2::VPC", attributes=("VpcId", "CidrBlock", "DefaultSecurityGroup"))
def vpc(request: Request) -> Made:
    ec2, props = request.api("ec2"), request.props
    made = ec2.create_vpc(TagSpecifications=_tags(request, "vpc"), **props.pick("CidrBlock", "InstanceTenancy"))["Vpc"]
    vpc_id = made["VpcId"]
    for name in ("EnableDnsSupport", "EnableDnsHostnames"):
        value = props.take(name)
        if value is not None:
            ec2.modify_vpc_attribute(VpcId=vpc_id, **{name: {"Value": _is(value)}})
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": ["default"]}])
    attributes = {"VpcId": vpc_id, "CidrBlock": made["CidrBlock"], "DefaultSecurityGroup": groups["SecurityGroups"][0]["GroupId"]}
    return Made(vpc_id, attributes, lambda: ec2.delete_vpc(VpcId=vpc_id))


@resource("AWS::EC2::Subnet", attributes=("SubnetId", "AvailabilityZone", "CidrBlock", "VpcId"))
def subnet(request: Request) -> Made:
    ec2, props = request.api("ec2"), request.props
    names = ("VpcId", "CidrBlock", "AvailabilityZone")
    made = ec2.create_subnet(TagSpecifications=_tags(request, "subnet"), **props.pick(*names))["Subnet"]
    subnet_id = made["SubnetId"]
    public = props.take("MapPublicIpOnLaunch")
    if public is not None:
        ec2.modify_subnet_attribute(SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": _is(public)})
    attributes = {"SubnetId": subnet_id, **{name: made[name] for name in names}}
    return Made(subnet_id, attributes, lambda: ec2.delete_subnet(SubnetId=subnet_id))


@resource("AWS::EC2::InternetGateway", attributes=("InternetGatewayId",))
def internet_gateway(request: Request) -> Made:
    ec2 = request.api("ec2")
    made = ec2.create_internet_gateway(TagSpecifications=_tags(request, "internet-gateway"))["InternetGateway"]["InternetGatewayId"]
    return Made(made, {"InternetGatewayId": made}, lambda: ec2.delete_internet_gateway(InternetGatewayId=made))


@resource("AWS::EC2::VPCGatewayAttachment", attributes=("AttachmentType",))
def gateway_attachment(request: Request) -> Made:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpcgatewayattachment.html"""
    ec2, props = request.api("ec2"), request.props
    vpc_id, gateway = props.need("VpcId"), props.need("InternetGatewayId")
    ec2.attach_internet_gateway(VpcId=vpc_id, InternetGatewayId=gateway)
    undo = lambda: ec2.detach_internet_gateway(VpcId=vpc_id, InternetGatewayId=gateway)  # noqa: E731 - a call, for later
    return Made(f"IGW|{vpc_id}", {"AttachmentType": "IGW"}, undo)


@resource("AWS::EC2::RouteTable", attributes=("RouteTableId",))
def route_table(request: Request) -> Made:
    ec2 = request.api("ec2")
    made = ec2.create_route_table(VpcId=request.props.need("VpcId"), TagSpecifications=_tags(request, "route-table"))["RouteTable"]
    table = made["RouteTableId"]
    return Made(table, {"RouteTableId": table}, lambda: ec2.delete_route_table(RouteTableId=table))


@resource("AWS::EC2::Route", attributes=("CidrBlock",))
def route(request: Request) -> Made:
    ec2, props = request.api("ec2"), request.props
    table, cidr = props.need("RouteTableId"), props.need("DestinationCidrBlock")
    ec2.create_route(RouteTableId=table, DestinationCidrBlock=cidr, **props.pick("GatewayId", "NatGatewayId"))
    return Made(f"{table}|{cidr}", {"CidrBlock": cidr}, lambda: ec2.delete_route(RouteTableId=table, DestinationCidrBlock=cidr))


@resource("AWS::EC2::SubnetRouteTableAssociation", attributes=("Id",))
def route_table_association(request: Request) -> Made:
    ec2 = request.api("ec2")
    made = ec2.associate_route_table(**request.props.pick("RouteTableId", "SubnetId"))["AssociationId"]
    return Made(made, {"Id": made}, lambda: ec2.disassociate_route_table(AssociationId=made))


@resource("AWS::EC2::VPCEndpoint", attributes=("Id", "CreationTimestamp"))
def vpc_endpoint(request: Request) -> Made:
    ec2, props = request.api("ec2"), request.props
    policy = props.take("PolicyDocument")
    given = props.pick("VpcId", "ServiceName", "VpcEndpointType", "RouteTableIds", "SubnetIds", "SecurityGroupIds", "PrivateDnsEnabled")
    if policy is not None:
        given["PolicyDocument"] = policy if isinstance(policy, str) else json.dumps(policy)
    made = ec2.create_vpc_endpoint(TagSpecifications=_tags(request, "vpc-endpoint"), **given)["VpcEndpoint"]
    endpoint = made["VpcEndpointId"]
    attributes = {"Id": endpoint, "CreationTimestamp": str(made.get("CreationTimestamp", ""))}
    return Made(endpoint, attributes, lambda: ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint]))


def _permission(rule: dict[str, Any], *, ingress: bool) -> dict[str, Any]:
    """One rule as CloudFormation writes it, as the API wants it."""
    permission: dict[str, Any] = {"IpProtocol": str(rule.get("IpProtocol", "-1"))}
    for port in ("FromPort", "ToPort"):
        if port in rule:
            permission[port] = int(rule[port])
    note = {"Description": rule["Description"]} if rule.get("Description") else {}
    other = "SourceSecurityGroupId" if ingress else "DestinationSecurityGroupId"
    prefix_list = "SourcePrefixListId" if ingress else "DestinationPrefixListId"
    if rule.get("CidrIp"):
        permission["IpRanges"] = [{"CidrIp": rule["CidrIp"], **note}]
    if rule.get("CidrIpv6"):
        permission["Ipv6Ranges"] = [{"CidrIpv6": rule["CidrIpv6"], **note}]
    if rule.get(other):
        permission["UserIdGroupPairs"] = [{"GroupId": rule[other], **note}]
    if rule.get(prefix_list):
        permission["PrefixListIds"] = [{"PrefixListId": rule[prefix_list], **note}]
    return permission


@resource("AWS::EC2::SecurityGroup", name="GroupName", attributes=("GroupId", "Id", "VpcId"))
def security_group(request: Request) -> Made:
    """A group with egress rules of its own loses the default one, which lets everything out.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
    """
    ec2, props = request.api("ec2"), request.props
    vpc_id, tags = props.need("VpcId"), _tags(request, "security-group")
    note = props.need("GroupDescription")
    made = ec2.create_security_group(GroupName=request.name, Description=note, VpcId=vpc_id, TagSpecifications=tags)
    group = made["GroupId"]
    ingress, egress = props.take("SecurityGroupIngress", []), props.take("SecurityGroupEgress", [])
    if ingress:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[_permission(rule, ingress=True) for rule in ingress])
    if egress:
        default = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"]
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=default)
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[_permission(rule, ingress=False) for rule in egress])
    return Made(group, {"GroupId": group, "Id": group, "VpcId": vpc_id}, lambda: ec2.delete_security_group(GroupId=group))


_RULE = ("IpProtocol", "FromPort", "ToPort", "CidrIp", "CidrIpv6", "Description")


@resource("AWS::EC2::SecurityGroupIngress", attributes=("Id",))
def security_group_ingress(request: Request) -> Made:
    ec2, props = request.api("ec2"), request.props
    group = props.need("GroupId")
    permission = _permission(props.pick(*_RULE, "SourceSecurityGroupId", "SourcePrefixListId"), ingress=True)
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    return Made(made, {"Id": made}, lambda: ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[made]))


@resource("AWS::EC2::SecurityGroupEgress", attributes=("Id",))
def security_group_egress(request: Request) -> Made:
    ec2, props = request.api("ec2"), request.props
    group = props.need("GroupId")
    permission = _permission(props.pick(*_RULE, "DestinationSecurityGroupId", "DestinationPrefixListId"), ingress=False)
    made = ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[permission])["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    return Made(made, {"Id": made}, lambda: ec2.revoke_security_group_egress(GroupId=group, SecurityGroupRuleIds=[made]))
