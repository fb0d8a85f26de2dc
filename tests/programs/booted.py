"""The agent's real unit on a machine with a real systemd, and what it answers there."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3

from core.application import Application
from core.model import Deployable
from core.settings import node_settings_to_json
from tests.agent.test_agent_end_to_end import Cloud, eventually, get
from tests.agent.worlds import deployable_of, permit
from tests.programs.container import ROOT, Machine

UNIT = "understudy-agent.service"


class Booted:
    """The container, the agent in it, and what it answers."""

    def __init__(self, machine: Machine, cloud: Cloud, deployable: Deployable) -> None:
        self.machine, self.cloud, self.deployable = machine, cloud, deployable
        self.assembly = deployable.assembly("counter")

    def install(self, files: Mapping[str, str]) -> None:
        """As the user data of a node does it: the unit, its environment, the settings; and programs of the test."""
        machine, cloud = self.machine, self.cloud
        machine.write(f"/etc/systemd/system/{UNIT}", (ROOT / "agent" / UNIT).read_text())
        machine.write("/etc/understudy/agent.json", node_settings_to_json(self.deployable, "counter"))
        lines = {
            "UNDERSTUDY_SETTINGS": "/etc/understudy/agent.json",
            "UNDERSTUDY_TABLE": "state",
            "UNDERSTUDY_BUCKET": "evidence",
            "AWS_ENDPOINT_URL": cloud.endpoint,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": cloud.metadata.endpoint,
        }
        machine.write("/etc/understudy/agent.env", "".join(f"{name}={value}\n" for name, value in lines.items()))
        for path, text in files.items():
            machine.write(path, text, 0o755)
        machine.run("systemctl", "daemon-reload")
        cloud.write_permit(permit())
        machine.run("systemctl", "start", UNIT, check=False)
        assert machine.show(UNIT, "ActiveState")["ActiveState"] == "active", machine.journal(UNIT)

    def status(self, application: str) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(get(self.assembly.http_port, "/v1/status")[1])["applications"][application]
        return status

    def well(self, application: str, **wanted: Any) -> dict[str, Any]:
        """Its status, once it is healthy and as wanted."""

        def look() -> dict[str, Any] | None:
            status = self.status(application)
            right = status["verdict"] == "healthy" and status["pid"] and all(status[key] == value for key, value in wanted.items())
            return status if right else None

        try:
            found: dict[str, Any] = eventually(f"{application} well, {wanted}", look)
        except AssertionError:
            print(self.machine.run("journalctl", "--no-pager", "-n", "80"))
            raise
        return found

    def agent_pid(self) -> int:
        return int(self.machine.show(UNIT, "MainPID")["MainPID"])


@contextlib.contextmanager
def booted(cloud: Cloud, folder: Path, *applications: Application, files: Mapping[str, str]) -> Iterator[Booted]:
    """files: of the container's own file system, by path; executable."""
    machine = Machine(folder, Path(boto3.__file__).parents[1])
    try:
        machine.boot()
        made = Booted(machine, cloud, deployable_of(*applications))
        made.install(files)
        yield made
    finally:
        machine.close()
