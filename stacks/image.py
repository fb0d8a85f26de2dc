"""What a node's machine starts from: the image that the deployable file names, for the instances' architecture."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from core.model import Assembly

# https://wiki.debian.org/Cloud/AmazonEC2Image: Debian publishes its newest image's id under these names.
IMAGES = {"debian-12": "/aws/service/debian/release/12/latest/{architecture}"}
ROOT_DEVICE = "/dev/xvda"  # of Debian's images


def image_id(scope: Construct, assembly: Assembly) -> str:
    """The image that is newest when the stack is deployed: what was drilled is what a replacement boots."""
    architecture = ec2.InstanceType(assembly.instances[0]).architecture
    word = "arm64" if architecture == ec2.InstanceArchitecture.ARM_64 else "amd64"
    name = IMAGES[assembly.image].format(architecture=word)
    return ssm.StringParameter.value_for_typed_string_parameter_v2(scope, name, ssm.ParameterValueType.AWS_EC2_IMAGE_ID)
