"""nginx as a program of the agent's: a master whose workers go on serving when it is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from agent.runs.proc import children_of
from core.application import Application, Probe, Run
from tests.agent.test_agent_end_to_end import Cloud, cloud, eventually, get
from tests.agent.worlds import free_port
from tests.programs.nodes import needed, nginx_settings, node, with_word

__all__ = ["cloud"]  # a fixture


def test_nginx_is_killed_hung_and_recovered_and_nothing_of_it_is_left(cloud: Cloud, tmp_path: Path) -> None:
    program, port = needed("nginx", "nginx-light"), free_port()
    settings = nginx_settings(tmp_path, port)
    nginx = Application(
        name="nginx",
        run=Run(exec=(program, "-c", str(settings), "-e", str(tmp_path / "error.log"), "-g", "daemon off;")),
        probes=(Probe(http=f"http://127.0.0.1:{port}/", body="well", every_s=0.5, timeout_s=0.5),),
        stop_timeout_s=3.0,
    )

    def family() -> list[int]:
        master = running.status()["pid"]
        workers = children_of(master) or []
        return [master, *workers] if len(workers) == 2 else []

    with node(cloud, nginx, tmp_path, port=port) as running:
        first = eventually("a master and two workers", family)

        second = running.kill()
        assert get(port) == (200, "well\n")
        assert not set(first) & set(with_word("nginx: worker")), "its workers would have held the port"

        os.kill(eventually("workers", family)[1], signal.SIGKILL)
        eventually("another worker", family)
        assert running.status()["restarts"] == 1, "what nginx mends itself is left to it"
        assert running.status()["pid"] == second

        running.hang(family)
        assert get(port) == (200, "well\n")
        assert "killed by SIGKILL" in running.log()

        last = eventually("a master and two workers", family)
        running.take_offline()
        assert not [pid for pid in last if Path(f"/proc/{pid}").exists()]
