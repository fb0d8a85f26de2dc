"""How a node's machine is launched: image, size, disk, metadata service, role, tags, user data."""

from __future__ import annotations

from aws_cdk import Fn
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from core import names
from core.model import Assembly, Deployable
from stacks.image import image_id, root_device

ROOT_GB = 16


def launch_template(
    scope: Construct, *, deployable: Deployable, assembly: Assembly, role: iam.Role, security: ec2.SecurityGroup, script: str
) -> ec2.CfnLaunchTemplate:
    """script: the node's user data."""
    kind = ec2.CfnLaunchTemplate
    tags = {names.TAG_DEPLOYABLE: deployable.name, names.TAG_ASSEMBLY: assembly.name}
    profile = iam.CfnInstanceProfile(scope, "NodeProfile", roles=[role.role_name])
    return kind(
        scope,
        "Template",
        launch_template_data=kind.LaunchTemplateDataProperty(
            image_id=image_id(scope, assembly, deployable.pins),
            instance_type=assembly.instances[0],
            iam_instance_profile=kind.IamInstanceProfileProperty(arn=profile.attr_arn),
            security_group_ids=[security.security_group_id],
            metadata_options=kind.MetadataOptionsProperty(http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1),
            block_device_mappings=[
                kind.BlockDeviceMappingProperty(
                    device_name=root_device(assembly),
                    ebs=kind.EbsProperty(volume_type="gp3", volume_size=ROOT_GB, encrypted=True, delete_on_termination=True),
                )
            ],
            # The group tags its instances; what hangs on them is tagged here. An address is moved
            # to an instance by its interface, so move_front's condition needs the tag there too.
            tag_specifications=[
                kind.TagSpecificationProperty(resource_type=resource, tags=[{"key": key, "value": value} for key, value in tags.items()])
                for resource in ("network-interface", "volume")
            ],
            user_data=Fn.base64(script),
        ),
    )
