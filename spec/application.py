"""An application's section of the deployable file."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator, model_validator

from core.settings import BadSettings
from spec.artifact import check_artifact
from spec.grammars import Command, User
from spec.limits import CountersSection, ThresholdsSection
from spec.probes import ProbeSection
from spec.properties import as_map
from spec.running import LimitsSection, OutputSection, RunSection
from spec.section import Section, ToleranceSection
from spec.values import Duration, InstallPath, Name, NodePath, Port, Text, Variable, wrong


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


def _bind_address(value: str) -> str:
    if not re.fullmatch(r"(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*|[A-Za-z0-9][A-Za-z0-9.-]{0,252}", value):
        raise wrong("is neither an address nor a host name", "write 127.0.0.1, or the address of the node that others may ask at")
    return value


class ApplicationHaSection(Section):
    port: Port = Field(description="port of the application's own HA port, 1 to 65535")
    host: Annotated[str, BeforeValidator(lambda value: _bind_address(value) if isinstance(value, str) else value)] = Field(
        default="127.0.0.1", description="address that it listens on, such as 127.0.0.1 (only this node may ask) or 0.0.0.0"
    )
    log: NodePath | None = Field(default=None, description="absolute folder on the node for its log of thresholds and statistics")


def _properties(value: object) -> object:
    try:
        return as_map(value)
    except BadSettings as error:
        raise wrong(f"cannot be read: {error}", "write it as java.util.Properties would read it, or as a map of texts") from error


HaProperties = Annotated[
    dict[str, Text],
    BeforeValidator(_properties),
    WithJsonSchema({"anyOf": [{"type": "object", "additionalProperties": {"type": "string"}}, {"type": "string"}]}),
]


class ApplicationSection(Section):
    name: Name = Field(description="the application's name, unique in its assembly")
    install: InstallSection | None = Field(default=None, description="files to lay out before it starts; leave out when the image has them")
    run: RunSection = Field(description="how it is started: exactly one of exec, systemd, ocf and lsb")
    user: User | None = Field(default=None, description="whom it runs as, a user of the image's; left out, the agent's own (root)")
    directory: NodePath | None = Field(default=None, description="working directory, an absolute path on the node")
    environment: dict[Variable, Text] = Field(
        default_factory=dict, max_length=100, description="variables given to it; put numbers and yes/no in quotes"
    )
    limits: LimitsSection = Field(
        default=LimitsSection(), description="what the kernel lets it have, such as {open_files: 4096, memory: 1G}"
    )
    output: OutputSection | None = Field(
        default=None, description="a file for its output, such as {file: /var/log/NAME.log, size: 10M, keep: 5}; left out, the journal"
    )
    ha_port: Port | None = Field(
        default=None, description="port of the application's own HA port, 1 to 65535, on 127.0.0.1; left out, there is none"
    )
    ha: ApplicationHaSection | None = Field(default=None, description="the same with its host and log: {port: 7811, host: 127.0.0.1}")
    ha_properties: HaProperties | None = Field(
        default=None,
        max_length=200,
        description="HA port and counters by the properties of MediationZone (mz.ha.*): a map of texts, or the file's text",
    )
    probes: list[ProbeSection] = Field(default_factory=list, max_length=20, description="questions that tell whether it is well")
    thresholds: ThresholdsSection = Field(
        default=ThresholdsSection(), description="what it may use, such as {memory: 90%, open_files: 80%, disk: {/var: 95%}}"
    )
    counters: CountersSection | None = Field(default=None, description="bounds on what it counts for itself")
    monitor_every: Annotated[float, Duration("1s", "1h")] | None = Field(
        default=None,
        description="how often its own monitor action is asked: show of a unit, monitor of a resource agent, status of an init script; "
        "left out, 10s",
    )
    busy_budget: Annotated[float, Duration("1s", "7d")] = Field(
        default=600.0, description="how long it may be busy on end before that counts as failing, such as 10m"
    )
    tolerance: ToleranceSection = Field(
        default_factory=lambda: ToleranceSection.model_validate({"failures": 3, "window": "5m"}),
        description="restarts before the node asks to be replaced",
    )
    start_timeout: Annotated[float, Duration("1s", "1h")] = Field(
        default=60.0, description="how long it may take to answer its probes after a start, such as 60s"
    )
    drain: Command | None = Field(
        default=None, description="a command run before it is asked to stop: the program, as an absolute path, and its arguments"
    )
    drain_timeout: Annotated[float, Duration("100ms", "1h")] = Field(
        default=10.0, description="how long the drain command may take, such as 10s"
    )
    stop_timeout: Annotated[float, Duration("100ms", "10m")] = Field(
        default=10.0, description="how long it may take to stop when asked, before it is killed, such as 10s"
    )
    after: list[Name] = Field(
        default_factory=list, max_length=20, description="applications of this assembly that start first; stopping is the reverse"
    )

    @model_validator(mode="after")
    def _monitor_of_its_own(self) -> Self:
        if self.monitor_every is not None and self.run.exec is not None:
            raise wrong("says monitor_every, but a program that is run by exec has no monitor action", "leave it out, and add probes")
        return self
