"""A running agent as a cluster manager, a balancer and Prometheus meet it: the scripts, the HA port's words, HTTP, the local socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from agent.control_socket import call
from core.application import HaPort
from core.bounds import Threshold, ThresholdKind
from tests.agent.test_agent_end_to_end import ROOT, Cloud, agent, cloud, eventually, get, one_server, ping, refused, served
from tests.agent.worlds import free_port, permit

__all__ = ["cloud"]  # a fixture
SCRIPTS = ROOT / "agent" / "scripts"


def script(name: str, port: int, folder: Path) -> int:
    command = [sys.executable, "-s", str(SCRIPTS / name), "/usr/lib/jvm", "/opt/mz", "mzadmin", str(port), "localhost", "20"]
    environment = {"PATH": os.environ["PATH"], "UNDERSTUDY_SOCKET": str(folder / "run" / "agent.sock")}
    return subprocess.run(command, env=environment, timeout=60, check=False).returncode


def said(port: int, line: str) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(line.encode() + b"\n")
        return connection.makefile().readline().strip()


def numbers(text: str) -> dict[str, float]:
    """The samples of an application that have no label but its name."""
    families = text_string_to_metric_families(text)
    return {one.name: one.value for family in families for one in family.samples if one.labels == {"application": "web"}}


def test_taken_offline_cleaned_and_brought_online_by_the_scripts_and_seen_so_by_everybody(cloud: Cloud, tmp_path: Path) -> None:
    ha = HaPort(port=free_port(), log_folder=str(tmp_path / "ha"))
    closely = Threshold(kind=ThresholdKind.MEMORY, amount=1 << 40)  # so that it is measured each second
    deployable, port = one_server(ha=ha, thresholds=(closely,))
    assembly = deployable.assembly("counter")
    cloud.write_permit(permit())
    with agent(cloud, deployable, tmp_path):
        eventually("the application", served(port))
        eventually("a healthy monitor", lambda: script("monitor", ha.port, tmp_path) == 110)
        assert said(ha.port, "HAPROXY") == "up 100%"
        assert get(assembly.http_port, "/primary")[0] == 200
        assert get(assembly.http_port, "/standby")[0] == 503

        assert script("offline", ha.port, tmp_path) == 0
        assert refused(port)
        assert script("monitor", ha.port, tmp_path) == 100, "who took it offline must see it offline"
        assert said(ha.port, "haproxy").startswith("stopped #")
        assert ping(ha.port).startswith("FAILED")
        held = numbers(get(assembly.http_port, "/metrics")[1])
        assert (held["understudy_application_up"], held["understudy_application_held"]) == (0, 1)

        assert script("clean", ha.port, tmp_path) == 0
        assert script("online", ha.port, tmp_path) == 0
        assert served(port)()
        assert script("monitor", ha.port, tmp_path) == 110
        assert script("monitor", assembly.ha_port, tmp_path) == 110
        assert script("online", ha.port, tmp_path) == 0, "what is up already is up"

        well = numbers(get(assembly.http_port, "/metrics")[1])
        assert (well["understudy_application_up"], well["understudy_application_held"]) == (1, 0)
        memory = "understudy_application_memory_bytes"
        eventually("a measure", lambda: numbers(get(assembly.http_port, "/metrics")[1]).get(memory, 0) > 1 << 20)
        why = call(str(tmp_path / "run" / "agent.sock"), {"do": "why", "application": "web"}, 5.0)
        assert why["why"]["web"]["verdict"] == "healthy"
        eventually("its log", lambda: " threshold healthy" in (tmp_path / "ha" / "web.log").read_text())


def test_bytes_that_end_no_line_and_a_reader_who_is_gone_leave_the_agent_at_work(cloud: Cloud, tmp_path: Path) -> None:
    deployable, _ = one_server()
    assembly = deployable.assembly("counter")
    with agent(cloud, deployable, tmp_path) as process:
        eventually("an answer", lambda: ping(assembly.ha_port) == "OK")
        for garbage in (b"\xff" * 5000, b"x" * 5000, b"status\n" * 1000, b"\x00\n" * 100):
            for target in (assembly.ha_port, assembly.http_port):
                with socket.create_connection(("127.0.0.1", target), timeout=5) as connection:
                    connection.sendall(garbage)
        assert ping(assembly.ha_port) == "OK"
        assert get(assembly.http_port, "/livez")[0] == 200
        assert process.poll() is None
        assert "Traceback" not in (tmp_path / "log").read_text()
