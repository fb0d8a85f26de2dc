"""What clients connect to, as the deployable file says it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from spec.balancer import BalancerKeys, check_keys
from spec.grammars import DomainName
from spec.section import Section
from spec.values import Duration, Matching, Port, wrong

# https://docs.aws.amazon.com/Route53/latest/APIReference/API_HostedZone.html: at most 32 letters and digits.
ZoneId = Annotated[
    str,
    Matching(
        r"Z[A-Z0-9]{1,31}", "is not the id of a hosted zone", "write the zone's id as Route 53 shows it, such as Z0123456789ABCDEFGHIJ"
    ),
]
_ONLY_DNS = ("name", "zone", "ttl")


class ZoneSection(Section):
    id: ZoneId = Field(description="the hosted zone's id, such as Z0123456789ABCDEFGHIJ")
    name: DomainName = Field(description="the zone's domain, in which the front's name lies")
    public: bool = Field(
        default=False, description="whether the whole world may look its names up; the record holds the node's public address then"
    )


def _zone(value: object) -> object:
    if value == "public":
        # The world finds a zone by its domain's registrar, which no template reaches.
        raise wrong("is no zone that can be made here", "name one that is there already, as {id: Z..., name: example.com, public: true}")
    return None if value == "private" else value


def _private_by_default(schema: dict[str, Any]) -> None:
    """In the file's own words: what is None here is called private there."""
    schema["anyOf"] = [{"const": "private"} if kind == {"type": "null"} else kind for kind in schema["anyOf"]]
    schema["default"] = "private"


class FrontSection(BalancerKeys):
    kind: Literal["none", "elastic_ip", "dns", "network_interface", "alb", "nlb"] = Field(description="what clients connect to")
    ports: list[Port] = Field(default_factory=list, max_length=20, description="ports open to clients, each 1 to 65535")
    name: DomainName | None = Field(
        default=None, description="with `kind: dns`: the name that clients look up, such as scheduler.ledger.internal"
    )
    zone: Annotated[
        ZoneSection | None,
        BeforeValidator(_zone),
    ] = Field(
        default=None,
        json_schema_extra=_private_by_default,
        description="with `kind: dns`: private, a zone made for this name alone; or id and name of a zone that is there already",
    )
    ttl: Annotated[float, Duration("1s", "1h")] = Field(
        default=10.0, description="with `kind: dns`: how long clients may keep the answer, in whole seconds: a move takes so much longer"
    )

    @model_validator(mode="after")
    def _ports_of_a_front(self) -> Self:
        if self.kind == "none" and self.ports:
            raise wrong("opens ports but has no address", "choose kind: elastic_ip, or leave ports out")
        if self.kind != "none" and not self.ports:
            raise wrong("has an address but opens no port", "list the ports that clients use, such as ports: [8080]")
        check_keys(self, self.kind, self.ports)
        return self

    @model_validator(mode="after")
    def _a_name_for_dns(self) -> Self:
        given = [key for key in _ONLY_DNS if key in self.model_fields_set]
        if self.kind != "dns" and given:
            raise wrong(f"is of kind {self.kind}, which has no {given[0]}", f"choose kind: dns, or leave {' and '.join(given)} out")
        if self.kind == "dns" and self.name is None:
            raise wrong("has no name to be found by", "add one, such as name: scheduler.ledger.internal")
        if self.kind == "dns" and self.ttl % 1:
            raise wrong(
                f"keeps answers for {self.ttl:g} s, and DNS counts whole seconds (RFC 1035)", "write whole seconds, such as ttl: 10s"
            )
        if self.name and self.zone and not f".{self.name}".endswith(f".{self.zone.name}"):
            raise wrong(f"has a name that does not lie in the zone {self.zone.name}", f"write a name that ends in .{self.zone.name}")
        return self
