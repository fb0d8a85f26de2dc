"""AWS::Route53::HostedZone."""

from __future__ import annotations

from lab.emulator.cloudformation.provider import Made, Request, resource


@resource("AWS::Route53::HostedZone", attributes=("Id",))
def hosted_zone(request: Request) -> Made:
    """Private when it names a VPC. Ref and Id give the bare id.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-route53-hostedzone.html
    """
    route53, props = request.api("route53"), request.props
    vpcs = props.take("VPCs", [])
    config = {"Comment": props.take("HostedZoneConfig", {}).get("Comment", ""), "PrivateZone": bool(vpcs)}
    given = {"VPC": {"VPCId": vpcs[0]["VPCId"], "VPCRegion": vpcs[0]["VPCRegion"]}} if vpcs else {}
    reference = f"{request.stack_id.rsplit('/', 1)[-1]}-{request.logical_id}"
    made = route53.create_hosted_zone(Name=props.need("Name"), CallerReference=reference, HostedZoneConfig=config, **given)
    zone = made["HostedZone"]["Id"].rsplit("/", 1)[-1]
    for vpc in vpcs[1:]:
        route53.associate_vpc_with_hosted_zone(HostedZoneId=zone, VPC={"VPCId": vpc["VPCId"], "VPCRegion": vpc["VPCRegion"]})
    if tags := props.take("HostedZoneTags"):
        route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone, AddTags=tags)
    return Made(zone, {"Id": zone}, lambda: route53.delete_hosted_zone(Id=zone))
