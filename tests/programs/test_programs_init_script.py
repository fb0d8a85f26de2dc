"""Debian's own init script of nginx, which forks a daemon away from whoever called it (start-stop-daemon, a pid file)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.application import Application, Probe, Run
from tests.agent.test_agent_end_to_end import Cloud, cloud, eventually, get
from tests.agent.worlds import free_port
from tests.programs.nodes import is_alive, needed, nginx_settings, node

__all__ = ["cloud"]  # a fixture

SCRIPT, SHARED = Path("/etc/init.d/nginx"), ("/lib/lsb/init-functions", "/lib/init/vars.sh")


def init_script(folder: Path, settings: Path) -> Path:
    """As Debian ships it; only where its settings are has been changed, and how soon it stops waiting."""
    needed("start-stop-daemon", "dpkg")
    for path, package in ((SCRIPT, "nginx-common"), (Path(SHARED[0]), "lsb-base or sysvinit-utils"), (Path(SHARED[1]), "sysvinit-utils")):
        if not path.exists():
            pytest.skip(f"{path} is not installed (Debian package {package})")
    text = SCRIPT.read_text()
    assert "/etc/nginx/nginx.conf" in text
    assert "/etc/default/nginx" in text
    script, defaults = folder / "init.d-nginx", folder / "default-nginx"
    script.write_text(text.replace("/etc/nginx/nginx.conf", str(settings)).replace("/etc/default/nginx", str(defaults)))
    script.chmod(0o755)
    defaults.write_text(f"DAEMON_OPTS='-c {settings} -e {folder}/error.log'\nSTOP_SCHEDULE=QUIT/2/TERM/2/KILL/5\n")
    return script


def test_nginx_by_its_init_script_is_killed_hung_and_recovered(cloud: Cloud, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("an init script's start-stop-daemon needs root, to know its own by their program")
    needed("nginx", "nginx-light")
    port = free_port()
    script = init_script(tmp_path, nginx_settings(tmp_path, port))
    nginx = Application(
        name="nginx",
        run=Run(lsb=str(script)),
        probes=(Probe(http=f"http://127.0.0.1:{port}/", body="well", every_s=0.5, timeout_s=0.5),),
        stop_timeout_s=8.0,
    )

    def family() -> list[int]:
        master = int((tmp_path / "nginx.pid").read_text())
        workers = [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]
        return [master, *workers] if len(workers) == 2 and master == running.status()["pid"] else []

    with node(cloud, nginx, tmp_path, port=port) as running:
        first = eventually("a master and two workers", family)

        running.kill()
        assert get(port) == (200, "well\n")
        assert not any(map(is_alive, first)), "its workers would have held the port"

        eventually("a master and two workers", family)
        running.hang(family)
        assert get(port) == (200, "well\n")

        last = eventually("a master and two workers", family)
        running.take_offline()
        assert not any(map(is_alive, last))
