"""The agent's unit under a real systemd: the machine's own /usr is booted in a container, some four seconds a boot."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from core import names

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "agent" / names.NODE_UNIT
# In the agent's place: it says that it is ready, starts a child that outlives it, and writes down what it is told at the end.
AGENT = """\
import signal, subprocess, sys, time
sys.path.insert(0, "/source")
from agent.systemd import going_down, notifier_from_environment
def told(*_):
    with open("/out/told", "a") as file:
        print(going_down().value, file=file)
    sys.exit(0)
signal.signal(signal.SIGTERM, told)
child = subprocess.Popen(["sleep", "1000"])
with open("/out/children", "a") as file:
    print(child.pid, file=file)
notifier_from_environment().say("READY=1")
while True:
    time.sleep(0.5)
    notifier_from_environment().say("WATCHDOG=1")
"""
LOOK = """\
look() { systemctl show understudy-agent -p ActiveState,Slice,MemoryMin,NRestarts,MainPID,KillMode; }
if [ -e /out/rebooted ]; then systemctl poweroff; exit; fi
touch /out/rebooted
look; ls -d /run/understudy; head -1 /out/children
systemctl kill --kill-whom=main -s KILL understudy-agent
until [ "$(wc -l < /out/children)" = 2 ]; do sleep 0.1; done
until [ "$(systemctl is-active understudy-agent)" = active ]; do sleep 0.1; done
look; ls -d /run/understudy
kill -STOP $(systemctl show understudy-agent -p MainPID --value)
until [ "$(wc -l < /out/children)" = 3 ]; do sleep 0.1; done
until [ "$(systemctl is-active understudy-agent)" = active ]; do sleep 0.1; done
look
systemctl restart understudy-agent
for pid in $(cat /out/children); do kill -0 $pid && echo alive; done
systemctl reboot
"""
LOOK_UNIT = """\
[Unit]
After=understudy-agent.service
Wants=understudy-agent.service
[Service]
StandardOutput=append:/out/said
StandardError=append:/out/said
ExecStart=/bin/sh /out/look.sh
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a machine wrote that was booted, lost its agent twice, rebooted, and was powered off."""
    if os.geteuid() != 0:
        pytest.skip("booting a container needs root")
    for program, package in (("systemd-nspawn", "systemd-container"), ("/lib/systemd/systemd", "systemd"), ("/usr/bin/python3", "python3")):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian package {package})")
    folder = tmp_path_factory.mktemp("machine")
    out = folder / "out"
    out.mkdir()
    (out / "look.sh").write_text(LOOK)
    (out / "agent.py").write_text(AGENT)
    (folder / "look.service").write_text(LOOK_UNIT)
    (folder / "agent.env").touch()
    unit = re.sub(r"^ExecStart=.*$", "ExecStart=/usr/bin/python3 -B /out/agent.py", UNIT.read_text(), flags=re.MULTILINE)
    unit = re.sub(r"^WorkingDirectory=.*$", "", unit, flags=re.MULTILINE)
    (folder / names.NODE_UNIT).write_text(re.sub(r"^WatchdogSec=.*$", "WatchdogSec=3", unit, flags=re.MULTILINE))
    binds = {
        folder / names.NODE_UNIT: f"/etc/systemd/system/{names.NODE_UNIT}",
        folder / "look.service": "/etc/systemd/system/look.service",
        folder / "agent.env": f"{names.NODE_ETC}/agent.env",
        ROOT: "/source",
    }
    command = [
        "systemd-nspawn",
        "--quiet",
        "--directory=/",
        "--volatile=yes",
        "--register=no",
        "--keep-unit",
        "--private-network",
        "--boot",
    ]
    command += [f"--bind={out}:/out", *(f"--bind-ro={source}:{target}" for source, target in binds.items())]
    command += ["--", "--unit=look.service", "systemd.firstboot=no", "systemd.mask=systemd-networkd-wait-online.service"]
    for _ in ("until it reboots", "until it is powered off"):  # a container that reboots ends, for whoever keeps it to start it again
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    if not (out / "said").exists():
        pytest.skip(f"no container can be booted here: {(done.stdout + done.stderr)[-500:]}")
    return out


@pytest.mark.heavy
def test_systemd_honours_what_the_unit_asks_for(out: Path) -> None:
    said = (out / "said").read_text()

    assert "Slice=-.slice" in said
    assert f"MemoryMin={64 << 20}" in said
    assert "KillMode=process" in said
    assert said.count("/run/understudy\n") == 2, "also after it was killed"


@pytest.mark.heavy
def test_an_agent_that_is_killed_or_hangs_comes_back_and_its_children_never_went(out: Path) -> None:
    said = (out / "said").read_text()

    assert re.findall(r"^NRestarts=(\d+)$", said, flags=re.MULTILINE) == ["0", "1", "2"], "killed, then frozen until the watchdog"
    assert said.count("alive\n") == 4, "a child of each of the four lives"


@pytest.mark.heavy
def test_the_agent_knows_a_restart_from_a_reboot_and_a_reboot_from_the_end(out: Path) -> None:
    assert (out / "told").read_text().splitlines() == ["no", "comes back", "for good"]
