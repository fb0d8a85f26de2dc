"""Applications are not caught in the agent's sandbox: what a JVM does works in a unit of its own, and under an init script."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.application import Application, Probe, Run
from tests.agent.test_agent_end_to_end import Cloud, cloud, eventually
from tests.agent.worlds import free_port
from tests.programs.booted import UNIT, booted

pytestmark = pytest.mark.heavy
__all__ = ["cloud"]  # a fixture

# Writes memory and then executes it, as compilers at run time do and sandboxes of services forbid; says what it could, and how it is held.
JIT = """
import ctypes, mmap, os, platform, resource, sys, threading, time
code = {"x86_64": b"\\xb8\\x2a\\x00\\x00\\x00\\xc3", "aarch64": b"\\x40\\x05\\x80\\x52\\xc0\\x03\\x5f\\xd6"}[platform.machine()]
memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
memory.write(code)
compiled = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
thread = threading.Thread(target=lambda: None); thread.start(); thread.join()
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
with open("/out/" + sys.argv[1] + ".new", "w") as file:
    held = (status[key].strip() for key in ("NoNewPrivs", "Seccomp_filters"))
    print(compiled(), *resource.getrlimit(resource.RLIMIT_NOFILE), *held, file=file)
    print(open("/proc/self/oom_score_adj").read().strip(), open("/proc/self/cgroup").read().split("::")[-1].strip(), file=file)
os.rename("/out/" + sys.argv[1] + ".new", "/out/" + sys.argv[1])
time.sleep(3600)
"""
SCRIPT = """#!/bin/sh
daemon() { start-stop-daemon --oknodo --pidfile /run/script.pid "$@"; }
case "$1" in
start) daemon --start --background --make-pidfile --exec /usr/bin/python3 -- /srv/jit.py script ;;
stop) daemon --stop --retry 5 ;;
status) kill -0 "$(cat /run/script.pid)" 2>/dev/null || exit 3 ;;
*) exit 3 ;;
esac
"""


def filters_of(pid: int) -> str:
    """How many of system calls (seccomp(2)) it lives under."""
    return next(line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Seccomp_filters:"))


def registry() -> str | None:
    """A program in Java that every JVM comes with and that serves until it is ended."""
    found = sorted(Path("/usr/lib/jvm").glob("*/bin/rmiregistry"))
    return str(found[-1]) if found else None


def test_applications_may_compile_at_run_time_and_outlive_their_agent(cloud: Cloud, tmp_path: Path) -> None:
    unit = Application(name="unit", run=Run(exec=("/usr/bin/python3", "/srv/jit.py", "unit")))
    script = Application(name="script", run=Run(lsb="/srv/script"))
    files = {"/srv/jit.py": JIT, "/srv/script": SCRIPT}
    with booted(cloud, tmp_path, unit, script, files=files) as world:
        machine = world.machine
        pids = {}
        for name in ("unit", "script"):
            pids[name] = world.well(name)["pid"]
            first, second = eventually(f"what {name} could", lambda name=name: (machine.out / name).read_text()).splitlines()
            compiled, soft, _, no_new_privileges, filters = first.split()
            assert (compiled, no_new_privileges) == ("42", "0")
            assert filters == filters_of(machine.leader), "those of the container, and none besides"
            assert int(soft) < 16384, "the usual limit of open files and not the agent's own"
            score, _, cgroup = second.partition(" ")
            assert score == "0", "the agent's protection from being killed for memory is the agent's"
            assert cgroup != f"/{UNIT}", "each has a cgroup of its own"

        for ending in (("systemctl", "kill", "--signal=KILL", "--kill-whom=main", UNIT), ("systemctl", "restart", UNIT)):
            before = world.agent_pid()
            machine.run(*ending)
            eventually("another agent", lambda before=before: world.agent_pid() not in (0, before))
            for name, pid in pids.items():
                assert world.well(name, adopted=True)["pid"] == pid
                assert world.status(name)["restarts"] == 0

        machine.signal(pids["script"], "KILL")
        assert world.well("script", restarts=1)["pid"] != pids["script"], "found by its cgroup, adopted or not"


def test_a_jvm_runs_is_killed_hung_and_recovered(cloud: Cloud, tmp_path: Path) -> None:
    program = registry()
    if program is None:
        pytest.skip("no JVM is installed (Debian package default-jre-headless)")
    port = free_port()
    # A JVM that may not map memory to be executed does not come up. Its debugger's port answers in words (Java Debug Wire Protocol,
    # handshake).
    options = ("-Xmx64m", "-XX:+UseSerialGC", f"-agentlib:jdwp=transport=dt_socket,server=y,suspend=n,address=127.0.0.1:{port}")
    word = "JDWP-Handshake"
    jvm = Application(
        name="jvm",
        run=Run(exec=(program, *(f"-J{option}" for option in options), str(free_port()))),
        probes=(Probe(tcp=f"127.0.0.1:{port}", send=word, expect=word, every_s=1.0, timeout_s=1.0),),
    )
    with booted(cloud, tmp_path, jvm, files={}) as world:
        first = world.well("jvm")["pid"]
        assert "libjvm" in world.machine.read(f"/proc/{first}/maps")

        world.machine.signal(first, "KILL")
        second = world.well("jvm", restarts=1)["pid"]
        world.machine.signal(second, "STOP")
        assert world.well("jvm", restarts=2)["pid"] not in (first, second)
