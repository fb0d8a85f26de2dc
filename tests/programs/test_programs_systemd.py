"""The agent's real unit where a real systemd has booted: transient units, adoption, units of others, and the order of a shutdown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.application import Application, Limits, Output, Probe, Run
from tests.agent.test_agent_end_to_end import Cloud, cloud, eventually
from tests.agent.worlds import free_port
from tests.programs.booted import UNIT, Booted, booted

pytestmark = pytest.mark.heavy
__all__ = ["cloud"]  # a fixture

WEB, HELD = "understudy-web.service", "held.service"
HELD_UNIT = """\
[Service]
ExecStart=/usr/bin/sleep 1000
ExecStopPost=/bin/sh -c 'echo held >> /out/order'
"""
# Says who it is; what it is given as arguments, and that it was asked to end, it writes down.
SERVER = """
import http.server, os, signal, sys
def bye(*_):
    open("/out/order", "a").write(os.environ["UNDERSTUDY_APPLICATION"] + chr(10)); os._exit(0)
signal.signal(signal.SIGTERM, bye)
print("arguments", sys.argv[2:], os.environ["ODD"], os.getuid(), os.environ["HOME"], flush=True)
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = str(os.getpid()).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
"""
ODD = ("$HOME", "${PATH}", "$$", "%n", "%%", 'a "b" \\c', "ä")


@pytest.fixture
def world(cloud: Cloud, tmp_path: Path) -> Iterator[Booted]:
    port = free_port()
    web = Application(
        name="web",
        run=Run(exec=("/usr/bin/python3", "-c", SERVER, str(port), *ODD)),
        user="nobody",
        directory="/usr",
        environment=(("ODD", "$HOME %n"),),
        limits=Limits(open_files=1234, processes=77),
        output=Output(file="/var/log/web.log"),
        probes=(Probe(http=f"http://127.0.0.1:{port}/", every_s=0.5, timeout_s=0.5),),
        stop_timeout_s=3.0,
    )
    held = Application(name="held", run=Run(systemd=HELD), after=("web",), stop_timeout_s=3.0)
    with booted(cloud, tmp_path, web, held, files={f"/etc/systemd/system/{HELD}": HELD_UNIT}) as made:
        (tmp_path / "out" / "order").touch()
        (tmp_path / "out" / "order").chmod(0o666)
        yield made


def timed(what: Callable[[], Any]) -> tuple[Any, float]:
    began_s = time.monotonic()
    return what(), time.monotonic() - began_s


def test_a_program_is_a_unit_of_its_own_that_outlives_the_agent_and_is_adopted(world: Booted) -> None:
    machine = world.machine
    first = world.well("web")
    shown = machine.show(
        WEB, "MainPID", "User", "WorkingDirectory", "LimitNOFILE", "TasksMax", "KillMode", "Before", "ControlGroup", "InvocationID"
    )
    assert shown["MainPID"] == str(first["pid"])
    assert (shown["User"], shown["WorkingDirectory"], shown["LimitNOFILE"], shown["TasksMax"]) == ("nobody", "/usr", "1234", "77")
    assert shown["KillMode"] == "control-group"
    assert UNIT in shown["Before"].split()
    assert shown["ControlGroup"] == f"/system.slice/{WEB}"
    line = eventually("its first line", lambda: machine.read("/var/log/web.log"))
    assert line == f"arguments {list(ODD)} $HOME %n 65534 /nonexistent\n", "nothing of it was expanded by systemd"

    # Killed, hung: another run, with the reason told.
    machine.signal(first["pid"], "KILL")
    second, took_s = timed(lambda: world.well("web", restarts=1))
    print(f"killed to healthy again: {took_s:.2f} s")
    assert second["pid"] != first["pid"]
    machine.signal(second["pid"], "STOP")
    third, took_s = timed(lambda: world.well("web", restarts=2))
    print(f"stopped (SIGSTOP) to healthy again: {took_s:.2f} s")
    assert third["pid"] not in (first["pid"], second["pid"])

    # The agent is killed: systemd starts it again, and it finds both.
    before = machine.show(WEB, "InvocationID"), machine.show(HELD, "InvocationID", "MainPID")
    machine.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", UNIT)
    adopted = world.well("web", adopted=True)
    assert (adopted["pid"], adopted["restarts"]) == (third["pid"], 2)
    world.well("held", adopted=True)
    assert (machine.show(WEB, "InvocationID"), machine.show(HELD, "InvocationID", "MainPID")) == before

    # The agent hangs: systemd's watchdog has it killed and started again, and it finds both.
    hung = world.agent_pid()
    machine.signal(hung, "STOP")
    eventually("the watchdog", lambda: world.agent_pid() not in (0, hung))
    again = world.well("web", adopted=True)
    assert (again["pid"], again["restarts"]) == (third["pid"], 2)
    world.well("held", adopted=True)
    assert (machine.show(WEB, "InvocationID"), machine.show(HELD, "InvocationID", "MainPID")) == before

    # What was adopted from systemd gives an exit status all the same: systemd keeps it.
    machine.signal(adopted["pid"], "KILL")
    fourth = world.well("web", restarts=3)
    assert fourth["pid"] != adopted["pid"]
    assert "killed by SIGKILL" in machine.journal(UNIT)

    # Upgrading the agent in place is a restart of its unit.
    machine.run("systemctl", "restart", UNIT)
    assert world.well("web", adopted=True)["pid"] == fourth["pid"]


def test_what_a_program_leaves_behind_goes_with_its_unit(world: Booted) -> None:
    """A grandchild in a session of its own, its environment empty: only a cgroup holds it."""
    machine = world.machine
    first = world.well("web")
    folder = machine.show(WEB, "ControlGroup")["ControlGroup"]
    procs = f"/sys/fs/cgroup{folder}/cgroup.procs"
    machine.run("sh", "-c", f"setsid env -i sleep 987 </dev/null >/dev/null 2>&1 & echo $! > {procs}")
    eventually("a member more", lambda: len(machine.members(WEB)) == 2)
    machine.signal(first["pid"], "KILL")
    world.well("web", restarts=1)
    assert len(machine.members(WEB)) == 1


def test_a_unit_that_somebody_else_wrote_is_started_watched_and_started_again(world: Booted) -> None:
    machine = world.machine
    first = world.well("held")
    assert machine.show(HELD, "ActiveState", "MainPID") == {"ActiveState": "active", "MainPID": str(first["pid"])}

    machine.signal(first["pid"], "KILL")
    second, took_s = timed(lambda: world.well("held", restarts=1))
    print(f"killed to healthy again: {took_s:.2f} s")
    assert second["pid"] != first["pid"]

    machine.run("systemctl", "stop", HELD)
    third = world.well("held", restarts=2)
    assert third["pid"] not in (first["pid"], second["pid"])


def test_when_the_machine_goes_down_the_agent_stops_its_applications_in_its_own_order(world: Booted) -> None:
    machine = world.machine
    world.well("web")
    world.well("held")
    machine.run("systemctl", "poweroff", check=False)
    machine.wait(60.0)

    assert (machine.out / "order").read_text().split() == ["held", "web"], "held runs after web, so it is stopped before it"
    report = world.cloud.report()
    assert report is not None
    assert report.phase.value == "released", "the permit is given up: this machine will not come back by itself"
