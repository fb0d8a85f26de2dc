"""CloudFormation's EC2 types that moto lacks or halves: EIP with tags and PublicIp, EIPAssociation, LaunchTemplate."""

from __future__ import annotations

from typing import Any

import moto.cloudformation.parsing as parsing
from moto.backends import get_backend
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.core.common_models import CloudFormationModel
from moto.ec2.models.elastic_ip_addresses import ElasticAddress
from moto.ec2.models.launch_templates import LaunchTemplate

from lab.ec2.images import know
from lab.ec2.shapes import coerce
from lab.patching import take_over

MOTO_TEMPLATE_CREATE: Any = vars(LaunchTemplate)["create_from_cloudformation_json"].__func__
MOTO_TEMPLATE_UPDATE: Any = vars(LaunchTemplate)["update_from_cloudformation_json"].__func__


def forget_models() -> None:
    """moto keeps the list of CloudFormation models; a class defined later is seen only after this."""
    parsing.get_model_list.cache_clear()
    parsing.get_model_map.cache_clear()
    parsing.get_name_type_map.cache_clear()


class EipAssociation(CloudFormationModel):
    """AWS::EC2::EIPAssociation: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-eipassociation.html."""

    def __init__(self, eip: Any) -> None:
        self._eip = eip
        self.physical_resource_id = str(eip.association_id)

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::EC2::EIPAssociation"

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Id"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        if attribute_name == "Id":
            return self.physical_resource_id
        raise UnformattedGetAttTemplateException()

    def is_created(self) -> bool:
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> EipAssociation:
        backend: Any = get_backend("ec2")[account_id][region_name]
        wanted = cloudformation_json["Properties"]
        target = {"instance": backend.get_instance(wanted["InstanceId"])} if "InstanceId" in wanted else {}
        if not target:
            target = {"eni": backend.get_network_interface(wanted["NetworkInterfaceId"])}
        return cls(backend.associate_address(**target, address=wanted.get("EIP"), allocation_id=wanted.get("AllocationId")))

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> EipAssociation:
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    def delete(self, account_id: str, region: str) -> None:
        if self._eip.association_id == self.physical_resource_id:
            get_backend("ec2")[account_id][region].disassociate_address(association_id=self.physical_resource_id)


def _typed(cloudformation_json: Any, backend: Any) -> Any:
    """A launch template's data as the API takes it."""
    wanted = dict(cloudformation_json["Properties"])
    wanted["LaunchTemplateData"] = coerce("ec2", "RequestLaunchTemplateData", wanted.get("LaunchTemplateData", {}))
    know(backend, wanted["LaunchTemplateData"])
    return {**cloudformation_json, "Properties": wanted}


def patch() -> None:
    """Tags and PublicIp for EIP; typed launch template data, as the API stores it."""

    def create_eip(
        cls: type[Any], /, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> Any:
        backend, wanted = get_backend("ec2")[account_id][region_name], cloudformation_json.get("Properties", {})
        eip = backend.allocate_address("vpc", tags={tag["Key"]: tag["Value"] for tag in wanted.get("Tags", [])})
        if wanted.get("InstanceId"):
            backend.associate_address(instance=backend.get_instance(wanted["InstanceId"]), allocation_id=eip.allocation_id)
        return eip

    def update_eip(
        cls: Any, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> Any:
        wanted = cloudformation_json.get("Properties", {})
        original_resource.add_tags({tag["Key"]: tag["Value"] for tag in wanted.get("Tags", [])})
        return original_resource

    def eip_attribute(self: Any, attribute_name: str) -> str:
        known = {"AllocationId": self.allocation_id, "PublicIp": self.public_ip}
        if attribute_name not in known:
            raise UnformattedGetAttTemplateException()
        return str(known[attribute_name])

    def delete_eip(self: Any, account_id: str, region: str) -> None:
        self.ec2_backend.disassociate_address(address=self.public_ip)
        self.ec2_backend.addresses.remove(self)

    def create_template(
        cls: type[Any], /, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> Any:
        told = _typed(cloudformation_json, get_backend("ec2")[account_id][region_name])
        return MOTO_TEMPLATE_CREATE(cls, resource_name, told, account_id, region_name, **kwargs)

    def update_template(
        cls: Any, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> Any:
        told = _typed(cloudformation_json, get_backend("ec2")[account_id][region_name])
        return MOTO_TEMPLATE_UPDATE(cls, original_resource, new_resource_name, told, account_id, region_name)

    take_over(
        ElasticAddress,
        create_from_cloudformation_json=classmethod(create_eip),
        update_from_cloudformation_json=classmethod(update_eip),
        has_cfn_attr=classmethod(lambda cls, attr: attr in ("AllocationId", "PublicIp")),
        get_cfn_attribute=eip_attribute,
    )
    ElasticAddress.delete = delete_eip  # type: ignore[attr-defined]  # moto cannot delete one through CloudFormation at all
    take_over(
        LaunchTemplate,
        create_from_cloudformation_json=classmethod(create_template),
        update_from_cloudformation_json=classmethod(update_template),
    )
    forget_models()
