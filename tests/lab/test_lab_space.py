"""lab.space and lab.gateway: what is started inside ends there, and one door leads out."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from lab import space
from lab.gateway import Gateway, PortInUse

pytestmark = pytest.mark.lab
REPOSITORY = Path(__file__).resolve().parent.parent.parent
ENTER = "import sys; from lab import space; sys.exit(space.enter(sys.argv[1:]))"


def started(*argv: str) -> subprocess.Popen[str]:
    """A program in a space of its own; its output can be read."""
    outer = [sys.executable, "-c", ENTER, *argv]
    return subprocess.Popen(outer, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def running(sign: str) -> list[str]:
    """Command lines on this machine that hold a sign."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        if sign in text:
            found.append(text)
    return found


def gone(sign: str, *, within_s: float = 5.0) -> bool:
    until = time.monotonic() + within_s
    while running(sign) and time.monotonic() < until:
        time.sleep(0.02)
    return not running(sign)


def test_exit_code_and_output_come_through() -> None:
    program = started("sh", "-c", "ip -brief address show lo; exit 7")
    output, _ = program.communicate(timeout=30)
    assert program.returncode == 7
    assert "100.64.0.1/32" in output


def test_the_inside_has_no_network_but_its_own_and_can_name_namespaces() -> None:
    program = started("sh", "-c", "ip -brief link | wc -l; ip netns add one && ip netns list")
    output, _ = program.communicate(timeout=30)
    assert output.split() == ["1", "one"]


def test_death_by_signal_is_told_as_a_shell_tells_it() -> None:
    program = started("sh", "-c", "kill -9 $$")
    program.communicate(timeout=30)
    assert program.returncode == 128 + signal.SIGKILL


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_reaches_the_program_and_nothing_stays(number: int, code: int) -> None:
    sign = f"sign-{uuid.uuid4().hex}"
    program = started("sh", "-c", f"python3 -c 'import time; time.sleep(600)' {sign} & echo up; wait")
    assert program.stdout is not None
    assert program.stdout.readline() == "up\n"
    program.send_signal(number)
    program.communicate(timeout=30)
    assert program.returncode == code
    assert gone(sign)


def test_when_the_outer_process_is_killed_everything_inside_dies() -> None:
    sign = f"sign-{uuid.uuid4().hex}"
    program = started("python3", "-c", "import time; print('up', flush=True); time.sleep(600)", sign)
    assert program.stdout is not None
    assert program.stdout.readline() == "up\n"
    program.kill()
    program.wait(timeout=30)
    program.stdout.close()
    assert gone(sign)


def test_a_program_that_does_not_exist_is_said_in_one_line() -> None:
    program = started("no-such-program")
    output, _ = program.communicate(timeout=30)
    assert program.returncode == space.REFUSED
    assert output.splitlines() == ["understudy: the lab's space could not be set up: [Errno 2] no such program: no-such-program"]


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(space, "_ROOT_PATHS", ())
    assert space.probe() == space.Way((), "the lab needs `unshare`: install util-linux")


def test_a_refusal_names_the_switch_that_forbids_and_two_ways_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """https://manpages.debian.org/bookworm/manpages/user_namespaces.7.en.html: max_user_namespaces = 0 forbids them."""
    switch = tmp_path / "max_user_namespaces"
    switch.write_text("0\n")
    monkeypatch.setattr(space, "_SWITCHES", {str(switch): ("0", "16384")})
    text = space._refusal("unshare: unshare failed: No space left on device", root=False)
    assert "= 0" in text
    assert "=16384, or run the lab as root" in text
    assert "\n" not in text


def test_a_service_inside_is_reached_from_the_hosts_loopback() -> None:
    program = started(
        sys.executable,
        "-c",
        "import socket, time\n"
        "from lab.gateway import Gateway\n"
        "server = socket.create_server(('100.64.0.1', 7000))\n"
        "print(Gateway().expose('100.64.0.1', 7000), flush=True)\n"
        "client, _ = server.accept()\n"
        "client.sendall(client.recv(100).upper())\n"
        "client.close()\n"
        "time.sleep(600)\n",
    )
    assert program.stdout is not None
    port = int(program.stdout.readline())
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"HELLO"
        assert client.recv(100) == b""
    program.terminate()
    program.communicate(timeout=30)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)


def test_a_host_port_in_use_is_refused_by_name_and_the_gateway_goes_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        program = started(
            sys.executable,
            "-c",
            "import sys\n"
            "from lab.gateway import Gateway, PortInUse\n"
            "gateway = Gateway()\n"
            "try: gateway.expose('127.0.0.1', 1, host_port=int(sys.argv[1]))\n"
            "except PortInUse as error: print(error)\n"
            "print(gateway.expose('127.0.0.1', 1) > 0)\n",
            str(port),
        )
        output, _ = program.communicate(timeout=30)
    said, free = output.splitlines()
    assert said.startswith(f"port {port} on 127.0.0.1 cannot be used")
    assert free == "True"


def test_a_target_that_refuses_closes_the_hosts_connection(in_space: None) -> None:
    gateway = Gateway()
    with pytest.raises(PortInUse):
        gateway.expose("127.0.0.1", 1, host_port=70000)
    assert gateway.expose("127.0.0.1", 1) > 0
    assert os.environ["LAB_INSIDE"] == "1"
