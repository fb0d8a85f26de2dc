"""The deployable file's format, key by key; what is not built yet is in spec.unbuilt."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from core import names
from spec.artifact import check_artifact
from spec.values import (
    Cidr,
    Duration,
    Email,
    Http,
    InstallPath,
    InstanceType,
    Name,
    NodePath,
    Port,
    Tcp,
    Text,
    Variable,
    architecture_of,
    wrong,
)


class Section(BaseModel):
    """Unknown keys are refused, and nothing is converted: `yes` is no text and `"8080"` is no number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _failures(value: object) -> object:
    return None if value == "never" else value


def _count(value: object) -> object:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1000):
        raise wrong("is not a number of failures", "write 0 to 1000, or never")
    return value


class ToleranceSection(Section):
    failures: Annotated[
        int | None,
        BeforeValidator(_count),
        BeforeValidator(_failures),
        Field(description="how many failures are absorbed in the window; the next one escalates. A number, or never"),
    ]
    window: Annotated[float, Duration("1s", "30d")] = Field(description="length of the sliding window, such as 5m")


class ProbeSection(Section):
    http: Http | None = Field(
        default=None, description="address on this node that answers 2xx when all is well, such as http://127.0.0.1:8080/healthz"
    )
    tcp: Tcp | None = Field(default=None, description="host:port on this node that accepts a connection, such as 127.0.0.1:8080")
    every: Annotated[float, Duration("100ms", "1h")] = Field(default=5.0, description="how often to ask, such as 5s")
    timeout: Annotated[float, Duration("10ms", "10m")] = Field(default=2.0, description="how long to wait for the answer; at most `every`")
    rise: int = Field(default=1, ge=1, le=100, description="successes in a row before the verdict is healthy")
    fall: int = Field(default=2, ge=1, le=100, description="failures in a row before the verdict is failing")

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if (self.tcp is None) == (self.http is None):
            raise wrong("asks nothing, or two things", "give exactly one of http and tcp; a second question is a second probe")
        if self.timeout > self.every:
            raise wrong(f"waits {self.timeout:g}s for an answer but asks every {self.every:g}s", "make timeout at most every")
        return self


class InstallSection(Section):
    artifact: str = Field(
        min_length=1, max_length=255, description="folder, .tgz, .tar.gz or single file to publish with the template, relative to this file"
    )
    to: InstallPath = Field(description="absolute folder on the node, of the application's own, such as /opt/NAME")

    @field_validator("artifact")
    @classmethod
    def _artifact_is_there(cls, value: str, info: ValidationInfo) -> str:
        check_artifact(value, info.context)
        return value


class RunSection(Section):
    exec: list[Text] = Field(
        min_length=1, max_length=64, description="the program, as an absolute path, and its arguments: a list of texts; no shell reads it"
    )

    @field_validator("exec")
    @classmethod
    def _program_is_absolute(cls, value: list[str]) -> list[str]:
        if not value[0].startswith("/"):
            raise wrong(
                f"begins with {value[0]!r}, which is not an absolute path", "name the program by its full path, such as /usr/bin/python3"
            )
        return value


class ApplicationSection(Section):
    name: Name = Field(description="the application's name, unique in its assembly")
    install: InstallSection | None = Field(default=None, description="files to lay out before it starts; leave out when the image has them")
    run: RunSection = Field(description="how it is started")
    directory: NodePath | None = Field(default=None, description="working directory, an absolute path on the node")
    environment: dict[Variable, Text] = Field(
        default_factory=dict, max_length=100, description="variables given to it; put numbers and yes/no in quotes"
    )
    ha_port: Port | None = Field(default=None, description="port of the application's own HA port, 1 to 65535; left out, there is none")
    probes: list[ProbeSection] = Field(default_factory=list, max_length=20, description="questions that tell whether it is well")
    tolerance: ToleranceSection = Field(
        default_factory=lambda: ToleranceSection.model_validate({"failures": 3, "window": "5m"}),
        description="restarts before the node asks to be replaced",
    )
    start_timeout: Annotated[float, Duration("1s", "1h")] = Field(
        default=60.0, description="how long it may take to answer its probes after a start, such as 60s"
    )
    stop_timeout: Annotated[float, Duration("100ms", "10m")] = Field(
        default=10.0, description="how long it may take to stop when asked, before it is killed, such as 10s"
    )
    after: list[Name] = Field(
        default_factory=list, max_length=20, description="applications of this assembly that start first; stopping is the reverse"
    )


class FrontSection(Section):
    kind: Literal["none", "elastic_ip"] = Field(description="what clients connect to")
    ports: list[Port] = Field(default_factory=list, max_length=20, description="ports open to clients, each 1 to 65535")

    @model_validator(mode="after")
    def _ports_of_a_front(self) -> Self:
        if self.kind == "none" and self.ports:
            raise wrong("opens ports but has no address", "choose kind: elastic_ip, or leave ports out")
        if self.kind != "none" and not self.ports:
            raise wrong("has an address but opens no port", "list the ports that clients use, such as ports: [8080]")
        return self


class HaSection(Section):
    port: Port = Field(default=names.HA_PORT, description="the node's HA port, 1 to 65535")
    http: Port = Field(default=names.HTTP_PORT, description="the node's HTTP port, 1 to 65535")


class StateSection(Section):
    keep: Literal["none"] = Field(description="what a replacement finds again; none: nothing, it starts with an empty disk")


class AssemblySection(Section):
    name: Name = Field(description="the assembly's name")
    image: Literal["debian-12"] = Field(description="what the machine starts from")
    instances: list[InstanceType] = Field(
        min_length=1, max_length=10, description="instance types of one architecture, tried in order when capacity is short"
    )
    mode: Literal["single"] = Field(default="single", description="one node at a time")
    front: FrontSection = Field(default=FrontSection(kind="none"), description="the fixed address that clients use")
    state: StateSection = Field(description="what survives a replacement; say `state: {keep: none}` when nothing does")
    ha: HaSection = Field(default=HaSection(), description="where the node answers those who ask from outside")
    start_grace: Annotated[float, Duration("10s", "1h")] = Field(
        default=120.0, description="how long a new node may take to have everything up, such as 2m"
    )
    on_disagreement: Literal["report"] = Field(
        default="report", description="when the node says it is well and looks from outside say it is not"
    )
    tolerance: ToleranceSection = Field(
        default_factory=lambda: ToleranceSection.model_validate({"failures": 2, "window": "1h"}),
        description="replacements before a person is told; it goes on being replaced while the budget lasts",
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
    egress: Literal["none"] = Field(default="none", description="how nodes reach beyond the table and the bucket")


class DeployableFile(Section):
    """A deployable: the assemblies that together give one service, and what keeps each of them running exactly once."""

    deployable: Name = Field(description="the deployable's name")
    foundation: Literal["own"] = Field(default="own", description="whose table, bucket, topic and functions")
    network: NetworkSection = Field(default=NetworkSection(), description="where the nodes live")
    notify: list[Email] = Field(default_factory=list, max_length=10, description="e-mail addresses of those to tell")
    assemblies: list[AssemblySection] = Field(min_length=1, max_length=20, description="the machines with their applications")


def json_schema() -> dict[str, Any]:
    """JSON Schema of the file, for editors. It says less than `load` checks, and nothing that `load` would refuse to know."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **DeployableFile.model_json_schema()}
