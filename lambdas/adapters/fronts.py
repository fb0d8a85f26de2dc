"""What clients connect to, by kind: each says who holds it, can be put on a node, and can be tried or read back."""

from __future__ import annotations

from typing import Protocol

from lambdas.adapters import clock, register, trying
from lambdas.adapters.balancers import BalancerFront
from lambdas.adapters.clients import WorldFailed, calling, client
from lambdas.adapters.dns import DnsFront
from lambdas.adapters.environment import FrontAddress, FrontBalancer, FrontInterface, FrontName
from lambdas.adapters.instances import NotYet
from lambdas.adapters.interface import InterfaceFront

# What EC2 says of an instance that is not far enough, or gone: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
_NOT_YET = ("InvalidInstanceID", "InvalidInstanceID.NotFound", "IncorrectInstanceState", "IncorrectState")


class Front(Protocol):
    """One contract for all kinds. str() of it is what clients connect to. All raise WorldFailed."""

    def who_holds(self) -> str | None:
        """The instance that it leads to as AWS has it now; None when it leads to nobody, or is not as it should be."""

    def attach(self, instance: str) -> None:
        """Put it on that instance, from whomever has it. Raises NotYet when EC2 does not let that one hold it yet."""

    def verify(self, for_s: float) -> bool | None:
        """Whether clients get through, asked for so long: False while they do not; None where only AWS's word can be had."""


class ElasticIpFront:
    """An address outside the network, so that it is tried as a client would."""

    def __init__(self, told: FrontAddress) -> None:
        self._told = told

    def __str__(self) -> str:
        return self._told.address

    def who_holds(self) -> str | None:
        """The instance that the address is associated with. Trust this alone: an instance's own public address may be stale."""
        with calling(f"describe the address {self}"):
            answer = client("ec2").describe_addresses(AllocationIds=[self._told.allocation_id])
        return next((a["InstanceId"] for a in answer["Addresses"] if a.get("InstanceId")), None)

    def attach(self, instance: str) -> None:
        try:
            with calling(f"associate {self} with {instance}"):
                client("ec2").associate_address(AllocationId=self._told.allocation_id, InstanceId=instance, AllowReassociation=True)
        except WorldFailed as error:
            if error.code not in _NOT_YET:
                raise
            raise NotYet(f"associate {self}", error.code, str(error)) from error

    def verify(self, for_s: float) -> bool | None:
        if not self._told.ports:
            return None
        until_ms = clock.now_ms() + int(for_s * 1000)
        while not accepts(self._told):
            if clock.now_ms() >= until_ms:
                return False
            clock.sleep(trying.TRY_EVERY_S)
        return True


def accepts(front: FrontAddress) -> bool:
    """Does every port of the front accept a connection, as a client would make it."""
    return trying.accepts(front.address, front.ports)


def front_of(deployable: str, assembly: str) -> Front | None:
    """None when it has none. Raises BadEnvironment, WorldFailed."""
    match register.front_of(deployable, assembly):
        case None:
            return None
        case FrontAddress() as told:
            return ElasticIpFront(told)
        case FrontName() as told:
            return DnsFront((deployable, assembly), told)
        case FrontInterface() as told:
            return InterfaceFront(told)
        case FrontBalancer() as told:
            return BalancerFront(told)
