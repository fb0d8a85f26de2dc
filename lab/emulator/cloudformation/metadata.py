"""Types that make nothing."""

from __future__ import annotations

from lab.emulator.cloudformation.provider import Made, Request, resource


@resource("AWS::CDK::Metadata", again=True)
def cdk_metadata(request: Request) -> Made:
    """CDK's own usage note; on AWS too it makes nothing."""
    request.props.take("Analytics")
    return Made(request.logical_id)
