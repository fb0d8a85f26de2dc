"""AWS::ElasticLoadBalancingV2::*: load balancers, their listeners and target groups."""

from __future__ import annotations

from lab.emulator.cloudformation.provider import Made, Request, resource

_CHECK = (
    "HealthCheckEnabled",
    "HealthCheckIntervalSeconds",
    "HealthCheckPath",
    "HealthCheckPort",
    "HealthCheckProtocol",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
    "Matcher",
)
_NUMBERS = ("Port", "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds", "HealthyThresholdCount", "UnhealthyThresholdCount")


def _tags(request: Request) -> dict[str, list[dict[str, str]]]:
    tags = request.props.tags()
    return {"Tags": tags} if tags else {}


def _attributes(given: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{"Key": item["Key"], "Value": str(item["Value"])} for item in given]


@resource(
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    name="Name",
    name_max=32,
    attributes=("DNSName", "LoadBalancerArn", "LoadBalancerName", "LoadBalancerFullName", "CanonicalHostedZoneID"),
)
def load_balancer(request: Request) -> Made:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-loadbalancer.html"""
    elb, props = request.api("elbv2"), request.props
    given = props.pick("Subnets", "SecurityGroups", "Scheme", "Type", "IpAddressType") | _tags(request)
    made = elb.create_load_balancer(Name=request.name, **given)["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    if attributes := props.take("LoadBalancerAttributes"):
        elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=_attributes(attributes))
    found = {
        "DNSName": made["DNSName"],
        "LoadBalancerArn": arn,
        "LoadBalancerName": made["LoadBalancerName"],
        "LoadBalancerFullName": arn.partition(":loadbalancer/")[2],
        "CanonicalHostedZoneID": made["CanonicalHostedZoneId"],
    }
    return Made(arn, found, lambda: elb.delete_load_balancer(LoadBalancerArn=arn))


@resource(
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    name="Name",
    name_max=32,
    attributes=("TargetGroupArn", "TargetGroupName", "TargetGroupFullName"),
)
def target_group(request: Request) -> Made:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-targetgroup.html"""
    elb, props = request.api("elbv2"), request.props
    given = props.pick("Port", "Protocol", "ProtocolVersion", "VpcId", "TargetType", "IpAddressType", *_CHECK) | _tags(request)
    given |= {name: int(given[name]) for name in _NUMBERS if name in given}
    made = elb.create_target_group(Name=request.name, **given)["TargetGroups"][0]
    arn = made["TargetGroupArn"]
    if attributes := props.take("TargetGroupAttributes"):
        elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=_attributes(attributes))
    full = arn.rsplit(":", 1)[-1]
    found = {"TargetGroupArn": arn, "TargetGroupName": made["TargetGroupName"], "TargetGroupFullName": full}
    return Made(arn, found, lambda: elb.delete_target_group(TargetGroupArn=arn))


@resource("AWS::ElasticLoadBalancingV2::Listener", attributes=("ListenerArn",))
def listener(request: Request) -> Made:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-listener.html"""
    elb, props = request.api("elbv2"), request.props
    given = props.pick("LoadBalancerArn", "Port", "Protocol", "SslPolicy", "Certificates", "DefaultActions")
    given["Port"] = int(given["Port"])
    arn = elb.create_listener(**given)["Listeners"][0]["ListenerArn"]
    return Made(arn, {"ListenerArn": arn}, lambda: elb.delete_listener(ListenerArn=arn))
