"""Where EC2's lifecycle and addresses take moto's place; each point has a contract test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.elastic_ip_addresses import ElasticAddress, ElasticAddressBackend
from moto.ec2.models.instances import Instance, InstanceBackend, InstanceState
from moto.ec2.responses.elastic_ip_addresses import ElasticIPAddresses
from moto.ec2.responses.general import General
from moto.ec2.responses.instances import InstanceResponse

from lab.ec2.addresses import Addresses
from lab.ec2.images import refuse_unfit
from lab.ec2.launch import architecture_of, image_of, refuse_if_short, refuse_to_start, template_data, with_template
from lab.ec2.lifecycle import Instances, Life
from lab.ec2.states import CODES, status_of
from lab.patching import take_over
from lab.world import World

MOTO_RUN_INSTANCES = InstanceBackend.run_instances
MOTO_INSTANCE_INIT = Instance.__init__
MOTO_TERMINATE = Instance.terminate
MOTO_ALLOCATE = ElasticAddressBackend.allocate_address


def bury(instance: Any) -> None:
    """Let moto release what a terminated instance had: interfaces, volumes, profile, private address."""
    MOTO_TERMINATE(instance)
    for nic in list(instance.nics.values()):
        instance.ec2_backend.enis.pop(nic.id, None)
    subnet = instance.ec2_backend.get_subnet(instance.subnet_id)
    for address in list(instance._private_ips):
        subnet.del_subnet_ip(address)
    instance._private_ips.clear()


def forgetter(backend_of: Any) -> Any:
    """A function that drops a long terminated instance from moto's reservations."""

    def forget(instance_id: str) -> None:
        backend = backend_of()
        for key, reservation in list(backend.reservations.items()):
            reservation.instances = [instance for instance in reservation.instances if instance.id != instance_id]
            if not reservation.instances:
                del backend.reservations[key]

    return forget


def patch_launches(world: World, instances: Instances, addresses: Addresses) -> None:
    """RunInstances honours its template, may lack capacity, and begins at `pending`."""

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        MOTO_INSTANCE_INIT(self, *args, **kwargs)
        self._state = InstanceState("pending", CODES["pending"])
        self.architecture = architecture_of(self.instance_type, self.architecture)

    def run_instances(self: Any, image_id: str, count: int, user_data: Any, security_group_names: list[str], **kwargs: Any) -> Any:
        data = template_data(self, kwargs.get("launch_template") or {})
        wanted = with_template(kwargs, data)
        instance_type = data.get("InstanceType") if wanted.get("is_instance_type_default") else wanted.get("instance_type")
        subnet = self.get_subnet(wanted["subnet_id"]) if wanted.get("subnet_id") else None
        zone = subnet.availability_zone if subnet else wanted.get("placement") or "us-east-1a"
        refuse_if_short(world.faults, instance_type or "m1.small", zone, [it.name for it in self.describe_availability_zones()])
        nic_tags = wanted["tags"].get("network-interface", {})  # before the call: moto pops `tags`
        image = image_of(image_id, data)
        refuse_unfit(self, image, instance_type or "m1.small")
        reservation = MOTO_RUN_INSTANCES(self, image, count, user_data, security_group_names, **wanted)
        profile = data.get("IamInstanceProfile")
        for instance in reservation.instances:
            for nic in instance.nics.values():
                nic.add_tags(nic_tags)
            if profile and not (wanted.get("iam_instance_profile_name") or wanted.get("iam_instance_profile_arn")):
                self.associate_iam_instance_profile(
                    instance_id=instance.id, iam_instance_profile_name=profile.get("Name"), iam_instance_profile_arn=profile.get("Arn")
                )
            instances.launched(instance)
            addresses.lend(instance)
        return reservation

    take_over(Instance, __init__=init)
    take_over(InstanceBackend, run_instances=run_instances)


def _changed(key: str, before: list[tuple[Life, str]]) -> ActionResult:
    """The answer to a request that changes states: what each was and is."""

    def named(state: str) -> dict[str, Any]:
        return {"Code": CODES[state], "Name": state}

    rows = [{"InstanceId": life.id, "CurrentState": named(life.state), "PreviousState": named(old)} for life, old in before]
    return ActionResult({key: rows})


def _refuse_unless(found: list[Life], states: tuple[str, ...], verb: str) -> None:
    for life in found:
        if life.state not in states:
            raise EC2ClientError("IncorrectInstanceState", f"This instance '{life.id}' is not in a state from which it can be {verb}.")


def patch_power(world: World, instances: Instances) -> None:
    """Terminate, stop and start take their time."""

    def lives(response: Any) -> list[Life]:
        wanted = response._get_param("InstanceIds", [])
        found = response.ec2_backend.get_multi_instances_by_id(wanted)  # all or none: raises InvalidInstanceID.NotFound
        if not found:
            raise EC2ClientError("MissingParameter", "The request must contain the parameter InstanceId")
        response.error_on_dryrun()
        return [life for life in (instances.find(instance.id) for instance in found) if life is not None]

    def flags(response: Any) -> dict[str, bool]:
        return {"skip_os_shutdown": response._get_bool_param("SkipOsShutdown", False), "force": response._get_bool_param("Force", False)}

    def each(key: str, found: list[Life], act: Callable[[Life], None]) -> ActionResult:
        before = [(life, life.state) for life in found]
        for life in found:
            act(life)
        return _changed(key, before)

    def terminate_instances(self: Any) -> ActionResult:
        found = lives(self)
        for life in found:
            if life.moto.disable_api_termination:
                text = f"The instance '{life.id}' may not be terminated. Modify its 'disableApiTermination' instance attribute."
                raise EC2ClientError("OperationNotPermitted", text)
        return each("TerminatingInstances", found, lambda life: instances.terminate(life, **flags(self)))

    def stop_instances(self: Any) -> ActionResult:
        found = lives(self)
        _refuse_unless(found, ("running", "stopping", "stopped"), "stopped")
        return each("StoppingInstances", found, lambda life: instances.stop(life, **flags(self)))

    def start_instances(self: Any) -> ActionResult:
        found = lives(self)
        _refuse_unless(found, ("stopped", "pending", "running"), "started")
        for life in found:
            if life.state == "stopped":
                refuse_to_start(world.faults, life.moto)
        return each("StartingInstances", found, instances.start)

    def delete(self: Any, account_id: str, region: str) -> None:
        life = instances.find(self.id)
        if life is not None:
            instances.terminate(life, skip_os_shutdown=False, force=False)

    take_over(InstanceResponse, terminate_instances=terminate_instances, stop_instances=stop_instances, start_instances=start_instances)
    take_over(Instance, delete=delete)


def patch_status(world: World, instances: Instances) -> None:
    """Status checks and console output are the machine's own."""

    def status(self: Any, *, of_system: bool) -> dict[str, Any]:
        life = instances.find(self.id)
        if life is None or life.state != "running" or life.running_at is None:
            return {"Status": "not-applicable"}
        now, scale = world.clock.now(), world.clock.scale
        silent = None if of_system or life.silent_since is None else (now - life.silent_since) * scale
        word = status_of(running_for_s=(now - life.running_at) * scale, silent_for_s=silent)
        passed = {"ok": "passed", "impaired": "failed", "initializing": "initializing"}[word]
        return {"Status": word, "Details": [{"Name": "reachability", "Status": passed}]}

    def get_console_output(self: Any) -> ActionResult:
        instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
        text = world.machines.console(instance.id) if world.machines is not None else ""
        return ActionResult({"InstanceId": instance.id, "Timestamp": utcnow(), "Output": Base64EncodedString.from_raw_string(text)})

    take_over(
        Instance,
        instance_status=property(lambda self: status(self, of_system=False)),
        system_status=property(lambda self: status(self, of_system=True)),
    )
    take_over(General, get_console_output=get_console_output)


def patch_addresses(addresses: Addresses) -> None:
    """Addresses of our own block, AWS's rules of association, routes that follow."""

    def allocate_address(self: Any, domain: str, address: str | None = None, tags: dict[str, str] | None = None) -> Any:
        return MOTO_ALLOCATE(self, "vpc", address=address or addresses.next_free(self), tags=tags)

    def associate(backend: Any, **given: Any) -> Any:
        address, allocation = given.get("address"), given.get("allocation_id")
        eip = (backend.address_by_ip([address]) if address else backend.address_by_allocation([allocation]))[0]
        reassociate = given.get("reassociate", True)
        addresses.associate(backend, eip, instance=given.get("instance"), eni=given.get("eni"), reassociate=reassociate)
        return eip

    def associate_address(self: Any) -> ActionResult:
        backend, asked = self.ec2_backend, self._get_params()
        if "InstanceId" not in asked and "NetworkInterfaceId" not in asked:
            raise EC2ClientError("MissingParameter", "Either instance ID or network interface id must be specified")
        if "PublicIp" not in asked and "AllocationId" not in asked:
            raise EC2ClientError("MissingParameter", "Either public IP or allocation id must be specified")
        instance = backend.get_instance(asked["InstanceId"]) if "InstanceId" in asked else None
        eni = None if instance else backend.get_network_interface(asked["NetworkInterfaceId"])
        self.error_on_dryrun()
        eip = associate(
            backend,
            instance=instance,
            eni=eni,
            address=asked.get("PublicIp"),
            allocation_id=asked.get("AllocationId"),
            reassociate=asked.get("AllowReassociation", True) is not False,
        )
        return ActionResult({"AssociationId": eip.association_id})

    def disassociate_address(self: Any, address: str | None = None, association_id: str | None = None) -> None:
        found = self.address_by_ip([address]) if address else self.address_by_association([association_id])
        addresses.disassociate(found[0])

    def release_address(self: Any) -> EmptyResult:
        asked, backend = self._get_params(), self.ec2_backend
        if "AllocationId" in asked:
            eip = backend.address_by_allocation([asked["AllocationId"]])[0]
        else:
            eip = backend.address_by_ip([asked.get("PublicIp")])[0]
        self.error_on_dryrun()
        if eip.association_id:
            raise EC2ClientError("InvalidIPAddress.InUse", f"Address {eip.public_ip} is in use.")
        backend.addresses.remove(eip)
        return EmptyResult()

    take_over(
        ElasticAddress,
        # AWS leaves both out of DescribeAddresses while nobody has the address; moto says "".
        instance_id=property(lambda self: self.instance.id if self.instance else None),
        network_interface_id=property(lambda self: self.eni.id if self.eni else None),
    )
    take_over(
        ElasticAddressBackend, allocate_address=allocate_address, associate_address=associate, disassociate_address=disassociate_address
    )
    take_over(ElasticIPAddresses, associate_address=associate_address, release_address=release_address)
