"""AWS::EC2::NetworkInterface."""

from __future__ import annotations

from lab.emulator.cloudformation.provider import Made, Request, resource


@resource("AWS::EC2::NetworkInterface", attributes=("Id", "PrimaryPrivateIpAddress"))
def network_interface(request: Request) -> Made:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-networkinterface.html"""
    ec2, props = request.api("ec2"), request.props
    tags = props.tags()
    given = props.pick("SubnetId", "Description", "PrivateIpAddress")
    given["Groups"] = props.take("GroupSet", [])
    if tags:
        given["TagSpecifications"] = [{"ResourceType": "network-interface", "Tags": tags}]
    made = ec2.create_network_interface(**given)["NetworkInterface"]
    interface = made["NetworkInterfaceId"]
    attributes = {"Id": interface, "PrimaryPrivateIpAddress": made["PrivateIpAddress"]}
    return Made(interface, attributes, lambda: ec2.delete_network_interface(NetworkInterfaceId=interface))
