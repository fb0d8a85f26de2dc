"""Units on a machine of the lab: what outlives its main process, what is made for it, what it is limited to. Inside the lab's space."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest
from lab_machines import Rack, wait_for

pytestmark = pytest.mark.lab
ID = "i-0abc"

# A supervisor with a child in a session of its own, which outlives it; and one that loses both parents at once.
_KEEPER = """
import os, resource, subprocess, sys, time
print("runtime", os.environ["RUNTIME_DIRECTORY"], os.path.isdir("/run/keeper"), flush=True)
print("files", *resource.getrlimit(resource.RLIMIT_NOFILE), flush=True)
if not os.path.exists("/run/keeper/child"):
    child = subprocess.Popen(["/usr/bin/sleep", "1001"], start_new_session=True)
    open("/run/keeper/child", "w").write(str(child.pid))
    subprocess.run(["/bin/sh", "-c", "/usr/bin/sleep 0.2 &"])
time.sleep(1000)
"""
_UNIT = """
[Service]
ExecStart=/usr/bin/python3 /opt/keeper.py
Restart=always
RestartSec=100ms
KillMode=process
RuntimeDirectory=keeper
RuntimeDirectoryPreserve=yes
LimitNOFILE=512:1024
"""
_USER_DATA = f"""#!/bin/bash
set -eu
cat > /opt/keeper.py <<'END'
{_KEEPER}
END
cat > /etc/systemd/system/keeper.service <<'END'
{_UNIT}
END
systemctl daemon-reload
systemctl start keeper.service
""".encode()


@pytest.fixture
def rack(in_space: None, tmp_path: Path) -> Rack:
    return Rack(tmp_path)


def pids(rack: Rack, program: str) -> list[int]:
    return [int(p["pid"]) for p in rack.machines.processes(ID) if program in p["argv"] and p["unit"] == "keeper.service"]


def zombies() -> list[str]:
    """Of the whole space, the machine's included."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended while we looked
            found.append(path.read_text())
    return [line for line in found if line.rsplit(")", 1)[1].split()[0] == "Z"]


def journal(rack: Rack) -> str:
    path = rack.world.lab_dir / "machines" / ID / "journal-keeper.log"
    return path.read_text() if path.exists() else ""


def test_with_kill_mode_process_children_outlive_the_main_process_and_end_with_the_machine(rack: Rack) -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.kill.html#KillMode=: the others are left alone."""
    rack.boot(_USER_DATA)
    wait_for(lambda: bool(pids(rack, "1001")), lambda: "the child")
    (child,) = pids(rack, "1001")
    wait_for(lambda: len(pids(rack, "/opt/keeper.py")) == 1, lambda: "what it starts, until it is a program of its own, looks like it")
    (main,) = pids(rack, "/opt/keeper.py")

    os.kill(main, signal.SIGKILL)
    rack.console_says("restart counter is at 1")
    rack.console_says("Found left-over process")
    wait_for(lambda: journal(rack).count("files") == 2, lambda: journal(rack))

    assert pids(rack, "1001") == [child]
    assert "runtime /run/keeper True\nfiles 512 1024\n" in journal(rack)
    wait_for(lambda: not pids(rack, "0.2"), lambda: "the orphan to be reaped")
    wait_for(lambda: not zombies(), lambda: f"every orphan to be reaped: {zombies()}")

    assert rack.machines.shut_down(ID, timeout_s=10)
    assert not Path(f"/proc/{child}").exists()
