"""What a construct is given, in CDK's types; each knows how a deployable file would say it.

`settings` of a value is the way out: keys of the file (docs/agent.md) for which there is no property here, in the file's words.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from aws_cdk import Duration, Size


class Image(StrEnum):
    """What a node's machine starts from; an AMI of one's own is said as a text: ami-..., or ssm:/path."""

    DEBIAN_12 = "debian-12"
    UBUNTU_24_04 = "ubuntu-24.04"
    AMAZON_LINUX_2023 = "amazon-linux-2023"


def duration_words(duration: Duration) -> str:
    """As a deployable file writes it: 1500ms, 90s."""
    milliseconds = duration.to_milliseconds()
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"


def given(**values: Any) -> dict[str, Any]:
    """The keys that were set, with durations in the file's words."""
    told = {key: duration_words(value) if isinstance(value, Duration) else value for key, value in values.items()}
    return {key: value for key, value in told.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How many failures are absorbed within a window; the next one escalates. max_failures None: it never does."""

    max_failures: int | None
    window: Duration

    def words(self) -> dict[str, Any]:
        return {"failures": "never" if self.max_failures is None else self.max_failures, "window": duration_words(self.window)}


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One question that the agent puts to an application on its node; exactly one of http, tcp and command.

    The thresholds count results in a row, as a load balancer's health check does.
    """

    http: str | None = None
    tcp: str | None = None
    command: Sequence[str] | None = None
    interval: Duration | None = None
    timeout: Duration | None = None
    healthy_threshold_count: int | None = None
    unhealthy_threshold_count: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def words(self) -> dict[str, Any]:
        return {
            **given(http=self.http, tcp=self.tcp, every=self.interval, timeout=self.timeout),
            **given(rise=self.healthy_threshold_count, fall=self.unhealthy_threshold_count),
            **({"command": list(self.command)} if self.command is not None else {}),
            **self.settings,
        }


@dataclass(frozen=True, kw_only=True)
class Application:
    """A program that the agent keeps alive: a command, or a unit of systemd that the image has.

    artifact: a folder, an archive or a file, from where the app runs; published with the template, laid out in `install_to` on the node.
    """

    name: str
    command: Sequence[str] | None = None
    systemd_unit: str | None = None
    artifact: Path | None = None
    install_to: str | None = None
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    probes: Sequence[Probe] = ()
    start_timeout: Duration | None = None
    stop_timeout: Duration | None = None
    tolerance: Tolerance | None = None
    after: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def words(self, artifacts: Path) -> dict[str, Any]:
        """artifacts: the folder that a file's own would be relative to."""
        run = {**({"exec": list(self.command)} if self.command is not None else {}), **given(systemd=self.systemd_unit)}
        source = None if self.artifact is None else os.path.relpath(self.artifact, artifacts)
        return {
            **given(name=self.name, user=self.user, start_timeout=self.start_timeout, stop_timeout=self.stop_timeout),
            **({"run": run} if run else {}),
            **({"install": given(artifact=source, to=self.install_to)} if source is not None else {}),
            **({"environment": dict(self.environment)} if self.environment else {}),
            **({"tolerance": self.tolerance.words()} if self.tolerance else {}),
            **({"after": list(self.after)} if self.after else {}),
            "probes": [probe.words() for probe in self.probes],
            **self.settings,
        }


@dataclass(frozen=True)
class Front:
    """The fixed address that clients use. `of` is for kinds that have no method here: keys of a file's `front`."""

    said: Mapping[str, Any]

    @staticmethod
    def none() -> Front:
        return Front({"kind": "none"})

    @staticmethod
    def elastic_ip(*, ports: Sequence[int]) -> Front:
        """A public address that moves to whoever holds the permit."""
        return Front({"kind": "elastic_ip", "ports": list(ports)})

    @staticmethod
    def dns(*, record_name: str, ports: Sequence[int], ttl: Duration | None = None) -> Front:
        """A name inside the VPC, in a private zone that is made for it."""
        return Front({"kind": "dns", "ports": list(ports), **given(name=record_name, ttl=ttl)})

    @staticmethod
    def alb(
        *,
        ports: Sequence[int],
        target_port: int | None = None,
        certificate_arn: str | None = None,
        redirect: bool | None = None,
        access_logs: bool | None = None,
        deletion_protection: bool | None = None,
        internal: bool | None = None,
        clients: Sequence[str] | None = None,
    ) -> Front:
        """An Application Load Balancer. target_port: the node's; None: as the client's. clients: IPv4 networks that may come in."""
        more = given(target_port=target_port, certificate=certificate_arn, redirect=redirect, access_logs=access_logs)
        more |= given(deletion_protection=deletion_protection, internal=internal, clients=list(clients) if clients else None)
        return Front({"kind": "alb", "ports": list(ports), **more})

    @staticmethod
    def nlb(
        *,
        ports: Sequence[int],
        target_port: int | None = None,
        deletion_protection: bool | None = None,
        internal: bool | None = None,
        clients: Sequence[str] | None = None,
    ) -> Front:
        """A Network Load Balancer, which passes TCP on and serves a new node only after one to three minutes; else as `alb`."""
        more = given(target_port=target_port, deletion_protection=deletion_protection, internal=internal)
        more |= given(clients=list(clients) if clients else None)
        return Front({"kind": "nlb", "ports": list(ports), **more})

    @staticmethod
    def of(**said: Any) -> Front:
        return Front(said)


@dataclass(frozen=True)
class State:
    """What a replacement finds again. `of`: keys of a file's `state`."""

    said: Mapping[str, Any]

    @staticmethod
    def none() -> State:
        """Nothing: it starts with an empty disk."""
        return State({"keep": "none"})

    @staticmethod
    def s3(*, path: str, save_interval: Duration | None = None, snapshot: Sequence[str] | None = None) -> State:
        """The folder as it was last saved into the foundation's bucket, below a prefix of its own: while it changes, and at a clean stop.

        save_interval: about what a lost machine loses. snapshot: a command that puts a consistent copy into $UNDERSTUDY_SNAPSHOT.
        """
        return State({"keep": "s3", "path": path, **given(every=save_interval, snapshot=list(snapshot) if snapshot else None)})

    @staticmethod
    def ebs(*, path: str, size: Size) -> State:
        """The folder itself, on a volume that moves within one zone: of a foundation whose vpc_subnets are one."""
        return State({"keep": "ebs", "path": path, "size": f"{size.to_gibibytes():g}G"})

    @staticmethod
    def efs(*, path: str) -> State:
        """The folder itself, on a file system that every zone reaches."""
        return State({"keep": "efs", "path": path})

    @staticmethod
    def of(**said: Any) -> State:
        return State(said)
