"""How the controller reaches EC2: launch, end and look at instances, and read launch templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from moto.backends import get_backend
from moto.core.exceptions import ServiceException

from lab.ec2 import instances_of
from lab.ec2.launch import refuse_to_start, template_data
from lab.world import ACCOUNT, REGION, World


class CannotLaunch(Exception):
    """EC2 refused; the text is its message."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An instance in EC2. since: when it entered its state, real seconds. impaired: its status checks fail."""

    state: str
    since: float
    impaired: bool = False


@dataclass(frozen=True, slots=True)
class Launched:
    """template: LaunchTemplateId, LaunchTemplateName and Version it came from."""

    instance_id: str
    instance_type: str
    template: Mapping[str, str]


class Ec2(Protocol):
    def launch(
        self, template: Mapping[str, str], *, subnet: str, instance_type: str | None, spot: bool, tags: Mapping[str, str]
    ) -> Launched:
        """RunInstances of one. Raises CannotLaunch."""

    def end(self, instance_id: str) -> None:
        """TerminateInstances, graceful."""

    def stop(self, instance_id: str) -> None:
        """StopInstances, graceful."""

    def start(self, instance_id: str) -> None:
        """StartInstances. Raises CannotLaunch."""

    def look(self, instance_id: str) -> Seen:
        """`terminated` when EC2 no longer knows it."""

    def template(self, given: Mapping[str, str]) -> Mapping[str, str]:
        """The template in full: id, name and the version as given. Raises CannotLaunch when there is none."""

    def zone_of(self, subnet: str) -> str:
        """Raises CannotLaunch when there is no such subnet."""


class MotoEc2:
    """EC2 in this process: moto's backend under lab.ec2's physics."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def _backend(self) -> Any:
        return get_backend("ec2")[ACCOUNT][REGION]

    def launch(
        self, template: Mapping[str, str], *, subnet: str, instance_type: str | None, spot: bool, tags: Mapping[str, str]
    ) -> Launched:
        try:
            asked = {key: template[key] for key in ("LaunchTemplateId", "Version") if key in template}
            version = self._backend._get_template_from_args(asked)
            asked["Version"] = str(version.number)
            wanted: dict[str, Any] = {"instance_type": instance_type or "m1.small", "is_instance_type_default": instance_type is None}
            if spot:
                wanted["instance_market_options"] = {"MarketType": "spot"}
            reservation = self._backend.run_instances(
                "", 1, None, [], launch_template=asked, subnet_id=subnet, tags={"instance": dict(tags)}, region_name=REGION, **wanted
            )
        except ServiceException as error:
            raise CannotLaunch(error.message) from error
        instance = reservation.instances[0]
        return Launched(instance.id, instance.instance_type, {**self.template(template), "Version": str(version.number)})

    def end(self, instance_id: str) -> None:
        life = instances_of(self._world).find(instance_id)
        if life is not None:
            instances_of(self._world).terminate(life, skip_os_shutdown=False, force=False)

    def stop(self, instance_id: str) -> None:
        life = instances_of(self._world).find(instance_id)
        if life is not None:
            instances_of(self._world).stop(life, skip_os_shutdown=False, force=False)

    def start(self, instance_id: str) -> None:
        life = instances_of(self._world).find(instance_id)
        if life is None:
            raise CannotLaunch(f"The instance ID '{instance_id}' does not exist")
        try:
            refuse_to_start(self._world.faults, life.moto)
        except ServiceException as error:
            raise CannotLaunch(error.message) from error
        instances_of(self._world).start(life)

    def look(self, instance_id: str) -> Seen:
        life = instances_of(self._world).find(instance_id)
        if life is None:
            return Seen("terminated", 0.0)
        return Seen(life.state, life.changed_at, life.moto.instance_status.get("Status") == "impaired")

    def template(self, given: Mapping[str, str]) -> Mapping[str, str]:
        try:
            found = self._backend._get_template_from_args(given).template
        except (ServiceException, IndexError, ValueError) as error:
            raise CannotLaunch(
                "You must use a valid fully-formed launch template. The specified launch template does not exist."
            ) from error
        return {"LaunchTemplateId": found.id, "LaunchTemplateName": found.name, "Version": str(given.get("Version", "$Default"))}

    def zone_of(self, subnet: str) -> str:
        try:
            return str(self._backend.get_subnet(subnet).availability_zone)
        except ServiceException as error:
            raise CannotLaunch(f"The subnet ID '{subnet}' does not exist") from error

    def has_image(self, given: Mapping[str, str]) -> bool:
        """Whether the template's version names an image: a launch without one must fail."""
        return bool(template_data(self._backend, given).get("ImageId"))
