"""AWS::EC2::NatGateway: a way out for subnets without one.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-natgateway.html. Nothing outside the lab is
reached by it: the lab has no internet.
"""

from __future__ import annotations

from lab.emulator.cloudformation.provider import Made, Request, resource


@resource("AWS::EC2::NatGateway", attributes=("NatGatewayId",))
def nat_gateway(request: Request) -> Made:
    ec2, tags = request.api("ec2"), request.props.tags()
    marked = [{"ResourceType": "natgateway", "Tags": tags}] if tags else []
    given = request.props.pick("AllocationId", "SubnetId", "ConnectivityType")
    made = ec2.create_nat_gateway(TagSpecifications=marked, **given)["NatGateway"]["NatGatewayId"]
    return Made(made, {"NatGatewayId": made}, lambda: ec2.delete_nat_gateway(NatGatewayId=made))
