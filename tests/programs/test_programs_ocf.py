"""Agents of Debian's resource-agents package: nginx by its own, and the one that is there to try things with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.application import Application, OcfAgent, Probe, Run
from tests.agent.test_agent_end_to_end import Cloud, cloud, eventually, get
from tests.agent.worlds import free_port
from tests.programs.nodes import Node, is_alive, needed, nginx_settings, node

__all__ = ["cloud"]  # a fixture

AGENTS = Path("/usr/lib/ocf/resource.d/heartbeat")


def heartbeat(kind: str, **parameters: str) -> Run:
    if not os.access(AGENTS / kind, os.X_OK):
        pytest.skip(f"{AGENTS / kind} is not installed (Debian package resource-agents)")
    return Run(ocf=OcfAgent(provider="heartbeat", type=kind, parameters=tuple(parameters.items())))


def test_nginx_by_its_resource_agent_is_killed_hung_and_recovered(cloud: Cloud, tmp_path: Path) -> None:
    program, port = needed("nginx", "nginx-light"), free_port()
    settings = nginx_settings(tmp_path, port)
    nginx = Application(
        name="nginx",
        run=heartbeat("nginx", configfile=str(settings), httpd=program, port=str(port), status10url=f"http://127.0.0.1:{port}/status"),
        environment=(("HA_RSCTMP", str(tmp_path)),),
        probes=(Probe(http=f"http://127.0.0.1:{port}/", body="well", every_s=0.5, timeout_s=0.5),),
        stop_timeout_s=5.0,
    )
    with node(cloud, nginx, tmp_path, port=port) as running:
        family = lambda: nginx_family(tmp_path, running)  # noqa: E731
        first = eventually("a master and its workers", family)

        running.kill()
        assert get(port) == (200, "well\n")
        assert not any(map(is_alive, first)), "its workers would have held the port"

        eventually("a master and its workers", family)
        running.hang(family)
        assert get(port) == (200, "well\n")

        last = eventually("a master and its workers", family)
        running.take_offline()
        assert not any(map(is_alive, last))
        assert not (tmp_path / "nginx.pid").exists(), "the agent's own stop tidied up"


def nginx_family(folder: Path, running: Node) -> list[int]:
    """The master that its pid file names, and its workers."""
    master = int((folder / "nginx.pid").read_text())
    workers = [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]
    return [master, *workers] if len(workers) == 2 and master == running.status()["pid"] else []


@pytest.mark.heavy  # its monitor action is asked each ten seconds
def test_what_is_no_process_is_believed_its_agent_when_it_says_not_running(cloud: Cloud, tmp_path: Path) -> None:
    """Dummy's whole being is a file: taken away, its monitor says 7."""
    state = tmp_path / "dummy.state"
    dummy = Application(name="dummy", run=heartbeat("Dummy", state=str(state)), environment=(("HA_RSCTMP", str(tmp_path)),))

    with node(cloud, dummy, tmp_path, port=free_port()) as running:
        assert state.exists()
        assert running.status()["pid"] is None

        state.unlink()
        eventually("its next run", lambda: running.status()["restarts"] == 1 and running.status()["verdict"] == "healthy")

        assert state.exists()
        assert "monitor: exit status 7 (cleanly stopped)" in running.log()
        running.take_offline()
        assert not state.exists()
