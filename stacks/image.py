"""What a node's machine starts from: the image that the deployable file names, for the instances' architecture."""

from __future__ import annotations

from aws_cdk import Annotations, Aws, CfnMapping
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from core.images import NAMED, Pin, parameter_of
from core.model import Assembly
from spec import architecture_of
from spec.image import image_moves, image_needs


def image_id(scope: Construct, assembly: Assembly, pins: tuple[Pin, ...]) -> str:
    """The image by its own id, or as it was pinned, by region; without a pin, the one that is newest when the stack is deployed.

    CloudFormation asks for a parameter's value at every update, also when it is told to keep what it has
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html),
    and refuses a stack whose mapping lacks the region.
    """
    _say(scope, assembly, pins)
    parameter = parameter_of(assembly.image, architecture_of(assembly.instances[0]))
    if parameter is None:
        return assembly.image
    kept = {pin.region: {"Id": pin.image_id} for pin in pins if pin.parameter == parameter}
    if kept:
        return CfnMapping(scope, "Image", mapping=kept).find_in_map(Aws.REGION, "Id")
    return ssm.StringParameter.value_for_typed_string_parameter_v2(scope, parameter, ssm.ParameterValueType.AWS_EC2_IMAGE_ID)


def _say(scope: Construct, assembly: Assembly, pins: tuple[Pin, ...]) -> None:
    """The CDK's command line prints it at synth and at each deploy; with --strict it refuses to deploy an image that moves."""
    moves, needs = image_moves(assembly, pins), image_needs(assembly)
    if moves is not None:
        Annotations.of(scope).add_warning_v2("understudy:image-moves", moves)
    if needs is not None:
        Annotations.of(scope).add_info_v2("understudy:image-needs", needs)


def root_device(assembly: Assembly) -> str:
    """Where the image's own disk is, so that it is encrypted and of our size and no second one is added."""
    if assembly.image in NAMED:
        return NAMED[assembly.image].root_device
    assert assembly.root_device is not None, "spec asks for it with every image that is not known by name"
    return assembly.root_device
