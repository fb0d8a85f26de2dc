"""The deployable file's format, key by key; what is not built yet is in spec.unbuilt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from core import names
from spec import egress
from spec.application import ApplicationSection
from spec.capacity import CapacityKeys
from spec.database import DatabaseSection
from spec.front import FrontSection
from spec.grammars import Command, HostNameText, ResolvesText
from spec.image import IMAGES_SAID, ROOT_DEVICE_SAID, ImageText
from spec.quantities import PERCENT, SIZE, size_text
from spec.recovery import RecoverySection
from spec.section import Section, ToleranceSection, remembered
from spec.state import StateSection
from spec.values import DURATION, Cidr, Duration, Email, InstanceType, Name, NodePath, Port, architecture_of, duration_text, wrong


class HaSection(Section):
    port: Port = Field(default=names.HA_PORT, description="the node's HA port, 1 to 65535")
    http: Port = Field(default=names.HTTP_PORT, description="the node's HTTP port, 1 to 65535")


class HttpSection(Section):
    certificate: NodePath | None = Field(default=None, description="PEM file on the node, for TLS on the HTTP port; with `key`")
    key: NodePath | None = Field(default=None, description="PEM file on the node that holds the certificate's key; with `certificate`")
    token_file: NodePath | None = Field(
        default=None, description="file on the node that holds the bearer token; left out, what needs one is absent"
    )

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise wrong("has half of what TLS needs", "give certificate and key, or neither")
        return self


class HostNameSection(Section):
    name: HostNameText = Field(description="a host name that programs on the node look up, such as platform.example.net")
    resolves: ResolvesText = Field(
        default="node", description="node: the node's own private address; front: the clients' address; or an IPv4 address"
    )
    of: Name | None = Field(default=None, description="with `resolves: front`: the assembly whose front is meant, when it is another one's")

    @model_validator(mode="after")
    def _of_a_front(self) -> Self:
        if self.of is not None and self.resolves != "front":
            raise wrong(f"says whose front is meant, but resolves to {self.resolves}", "write resolves: front, or leave `of` out")
        return self


class AssemblySection(CapacityKeys):
    name: Name = Field(description="the assembly's name")
    image: ImageText = Field(description=f"what the machine starts from: {IMAGES_SAID}")
    root_device: NodePath | None = Field(default=None, description=ROOT_DEVICE_SAID)
    instances: list[InstanceType] = Field(
        min_length=1, max_length=10, description="instance types of one architecture, tried in order when capacity is short"
    )
    mode: Literal["single"] = Field(default="single", description="one node at a time")
    front: FrontSection = Field(default=FrontSection(kind="none"), description="the fixed address that clients use")
    state: StateSection = Field(description="what survives a replacement; say `state: {keep: none}` when nothing does")
    ha: HaSection = Field(default=HaSection(), description="where the node answers those who ask from outside")
    http: HttpSection = Field(default=HttpSection(), description="TLS and the token of the node's HTTP port")
    host_names: list[HostNameSection] = Field(
        default_factory=list, max_length=50, description="names in the hosts file of the node; its other lines are left alone"
    )
    depends_on: list[HostNameText] = Field(
        default_factory=list, max_length=20, description="host names whose addresses the applications rely on"
    )
    on_address_change: Command | None = Field(
        default=None, description="a command run when one of these addresses changes: the program, as an absolute path, and its arguments"
    )
    start_grace: Annotated[float, Duration("10s", "1h")] = Field(
        default=120.0, description="how long a new node may take to have everything up, such as 2m"
    )
    on_disagreement: Literal["report", "replace"] = Field(
        default="report",
        description="when the node says it is well and looks from outside say it is not: people are told; `replace`: and after "
        "`recovery.disagreement` it is replaced",
    )
    tolerance: Annotated[ToleranceSection, AfterValidator(remembered)] = Field(
        default_factory=lambda: ToleranceSection.model_validate({"failures": 2, "window": "1h"}),
        description="replacements before a person is told; it goes on being replaced while the budget lasts",
    )
    after: list[Name] = Field(
        default_factory=list, max_length=19, description="assemblies that must serve before a node of this one is let in"
    )
    reaches: list[Name] = Field(
        default_factory=list,
        max_length=19,
        description="assemblies whose fronts this one's nodes may talk to, and `database`; nothing else is open",
    )
    applications: list[ApplicationSection] = Field(min_length=1, max_length=20, description="the programs to keep alive, in order")

    @field_validator("instances")
    @classmethod
    def _one_architecture(cls, value: list[str]) -> list[str]:
        kinds = {instance_type: architecture_of(instance_type) for instance_type in value}
        if len(set(kinds.values())) > 1:
            told = ", ".join(f"{name} is {kind}" for name, kind in kinds.items())
            raise wrong(f"mixes architectures: {told}", "choose types of one architecture: the image and the artifacts are built for one")
        if len(kinds) < len(value):
            raise wrong("names a type twice", "name each type once")
        return value


class NetworkSection(Section):
    cidr: Cidr = Field(default="10.20.0.0/16", description="private IPv4 network, /16 to /24")
    zones: int = Field(default=2, ge=1, le=2, description="availability zones, 1 or 2: a template that fits every account knows two")
    egress: Literal["none", "nat", "public_ip"] = Field(default="none", description=egress.SAID)


class DeployableFile(Section):
    """A deployable: the assemblies that together give one service, and what keeps each of them running exactly once."""

    deployable: Name = Field(description="the deployable's name")
    foundation: Name = Field(
        default="own", description="whose table, bucket, topic, functions and network: own, or the name of a foundation that several share"
    )
    network: NetworkSection = Field(default=NetworkSection(), description="where the nodes live")
    database: DatabaseSection | None = Field(default=None, description="a database that assemblies share: those that list it in `reaches`")
    notify: list[Email] = Field(default_factory=list, max_length=10, description="e-mail addresses of those to tell")
    dashboard: bool = Field(default=False, description="one screen in CloudWatch of what rings, who holds, incidents and the budget")
    recovery: RecoverySection = Field(default=RecoverySection(), description="the numbers by which failures are judged and nodes replaced")
    assemblies: list[AssemblySection] = Field(min_length=1, max_length=20, description="the machines with their applications")


def json_schema() -> dict[str, Any]:
    """JSON Schema of the file, for editors. It says less than `load` checks, and nothing that `load` would refuse to know."""
    schema = DeployableFile.model_json_schema()
    for section in (schema, *schema["$defs"].values()):
        for about in section["properties"].values():
            if "default" in about:
                about["default"] = _as_written(about["default"], about)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _as_written(default: Any, about: Mapping[str, Any]) -> Any:
    """A default as the file would say it: durations and sizes are texts there, and what is not set is left out, or has a word."""
    pattern = about.get("pattern") or next((kind["pattern"] for kind in about.get("anyOf", ()) if "pattern" in kind), None)
    if default is None:
        return next((kind["const"] for kind in about.get("anyOf", ()) if "const" in kind), None)
    if isinstance(default, dict):
        return {key: value for key, value in default.items() if value not in (None, [], {})}
    if pattern == f"^{DURATION.pattern}$" and isinstance(default, float):
        return duration_text(default)
    if pattern == f"^{PERCENT.pattern}$" and isinstance(default, float):
        return f"{default * 100:g}%"
    return size_text(default) if pattern == f"^{SIZE.pattern}$" and isinstance(default, int) else default
