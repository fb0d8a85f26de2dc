"""lab.machines as a whole: machines that boot, hang, lose their link and their power. Runs inside the lab's space."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from lab_machines import USER_DATA, Rack, wait_for

pytestmark = pytest.mark.lab
ID = "i-0abc"


@pytest.fixture
def rack(in_space: None, tmp_path: Path) -> Rack:
    return Rack(tmp_path)


def greeting(address: str = "10.20.1.5", *, timeout_s: float = 1.0) -> bytes:
    with socket.create_connection((address, 8080), timeout=timeout_s) as client:
        return client.recv(10)


def pid_of(rack: Rack, unit: str) -> int:
    pids = [int(process["pid"]) for process in rack.machines.processes(ID) if process["unit"] == unit]
    return pids[0] if pids else 0


def test_user_data_runs_once_as_root_and_what_it_starts_serves(rack: Rack) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html: as root, at the first boot."""
    began = time.monotonic()
    rack.boot(USER_DATA)
    rack.console_says("cloud-init: running the user data")
    assert time.monotonic() - began < 5  # a bound on nonsense; `make bench` measures
    rack.console_says("app is active")
    rack.console_says("cloud-init: the user data has ended")
    assert greeting() == b"hi"
    [process] = [p for p in rack.machines.processes(ID) if p["unit"] == "app.service"]
    assert process["argv"] == ["/usr/bin/python3", "/opt/app.py"]
    assert "serving" in (rack.world.lab_dir / "machines" / ID / "journal-app.log").read_text()


def test_the_environment_of_a_machine(rack: Rack) -> None:
    python = "python3 -c 'import sys; print(\"new enough\", sys.version_info >= (3, 11))'"
    look = f"id -u; env; cat /etc/environment; hostname; pwd; {python}; touch /usr/lib/x"
    rack.boot(f"#!/bin/sh\n{look}\n".encode())
    rack.console_says("FAILED with exit status 1")
    console = rack.machines.console(ID)
    assert "\nAWS_ENDPOINT_URL=http://100.64.0.1:4566\n" in console
    assert '\nAWS_ENDPOINT_URL="http://100.64.0.1:4566"\n' in console
    assert "\nip-10-20-1-5\n/\n" in console
    assert "new enough True" in console
    assert "Read-only file system" in console


@pytest.mark.parametrize(
    ("user_data", "said"),
    [
        (b"#!/bin/sh\nexit 3\n", "cloud-init: the user data FAILED with exit status 3"),
        (b"#cloud-config\n", "the lab runs scripts only"),
        (b"#!/no/such/interpreter\n", "cloud-final.service: Failed to start"),
        (b"", "cloud-init: no user data"),
    ],
)
def test_user_data_that_does_not_run_is_told_on_the_console_and_the_machine_stays_on(rack: Rack, user_data: bytes, said: str) -> None:
    rack.boot(user_data)
    rack.console_says(said)
    assert rack.machines.is_on(ID)


def test_a_unit_that_is_not_understood_is_not_loaded_and_said(rack: Rack) -> None:
    rack.boot(
        b"#!/bin/sh\nprintf '[Service]\\nExecStart=/bin/true\\nDynamicUser=yes\\n' > /etc/systemd/system/x.service\nsystemctl start x\n"
    )
    rack.console_says("x.service:3: DynamicUser= in [Service] is not understood")
    rack.console_says("x.service is not loaded")
    rack.console_says("FAILED with exit status 5")


def test_the_metadata_service_answers_in_the_machine(rack: Rack) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html"""
    script = """#!/usr/bin/python3
from urllib.request import Request, urlopen
base, prefix = "http://169.254.169.254/latest/", "X-aws-ec2-metadata-token"
ask = Request(base + "api/token", method="PUT", headers={prefix + "-ttl-seconds": "60"})
token = urlopen(ask, timeout=5).read().decode()
for path in ("instance-id", "public-ipv4", "iam/security-credentials/"):
    answer = urlopen(Request(base + "meta-data/" + path, headers={prefix: token}), timeout=5)
    print(path, answer.read().decode(), flush=True)
"""
    rack.network.ensure_vpc("10.20.0.0/16")
    rack.boot(script.replace("for path", "import time; time.sleep(0.5)\nfor path").encode())
    rack.machines.add_address(ID, "54.1.2.3")
    rack.console_says("instance-id i-0abc")
    rack.console_says("public-ipv4 54.1.2.3")
    rack.console_says("iam/security-credentials/ node")


def test_a_killed_application_is_restarted_by_its_unit(rack: Rack) -> None:
    rack.boot(USER_DATA)
    rack.console_says("app is active")
    first = pid_of(rack, "app.service")
    os.kill(first, signal.SIGKILL)
    rack.console_says("restart counter is at 1")
    wait_for(lambda: pid_of(rack, "app.service") not in (0, first), lambda: "a new process")
    wait_for(lambda: rack.machines.console(ID).count("Started app.service") == 2, lambda: "started again")
    assert greeting() == b"hi"


def test_a_missed_watchdog_aborts_the_service_and_starts_it_again(rack: Rack) -> None:
    rack.boot(USER_DATA + b"touch /run/hang; sleep 1.5; rm /run/hang\n")
    rack.console_says("app.service: Watchdog timeout (limit 1s)!")
    rack.console_says("status=6/ABRT")
    rack.console_says("restart counter is at 1")


def test_a_frozen_machine_takes_connections_and_answers_nothing(rack: Rack) -> None:
    rack.boot(USER_DATA)
    rack.console_says("the user data has ended")
    rack.machines.freeze(ID)
    assert rack.machines.is_on(ID)
    assert not rack.machines.answers(ID)
    with socket.create_connection(("10.20.1.5", 8080), timeout=1) as client, pytest.raises(TimeoutError):
        client.recv(10)
    assert rack.machines.shut_down(ID, timeout_s=0.3) is False
    rack.machines.power_off(ID)
    assert not rack.machines.is_on(ID)


def test_a_thawed_machine_goes_on(rack: Rack) -> None:
    rack.boot(USER_DATA)
    rack.console_says("the user data has ended")
    rack.machines.freeze(ID)
    rack.machines.thaw(ID)
    assert greeting() == b"hi"
    assert rack.machines.answers(ID)


def test_a_cut_link_leaves_the_metadata_service_reachable_to_the_machine(rack: Rack) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html: link-local, from the instance only."""
    rack.boot(
        b"""#!/usr/bin/python3
import os, time
from urllib.request import Request, urlopen
print("ready", flush=True)
time.sleep(0.7)
headers = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
ask = Request("http://169.254.169.254/latest/api/token", method="PUT", headers=headers)
print("token", len(urlopen(ask, timeout=5).read()), flush=True)
"""
    )
    rack.console_says("ready")
    rack.machines.set_link(ID, up=False)
    assert not rack.machines.answers(ID)
    rack.console_says("token 56")


def test_shutting_down_stops_services_in_order_and_leaves_nothing(rack: Rack) -> None:
    rack.boot(USER_DATA)
    rack.console_says("the user data has ended")
    assert rack.machines.shut_down(ID, timeout_s=10)
    assert "Stopped app.service" in rack.machines.console(ID)
    assert rack.machines.console(ID).endswith("systemd: power down\n")
    assert rack.machines.processes(ID) == []
    assert ID not in subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    rack.machines.power_off(ID)


def test_a_machine_whose_power_is_cut_sends_no_farewell(rack: Rack) -> None:
    rack.boot(USER_DATA.replace(b"client.close()", b"globals().setdefault('kept', []).append(client)"))
    rack.console_says("the user data has ended")
    with socket.create_connection(("10.20.1.5", 8080), timeout=1) as client:
        assert client.recv(10) == b"hi"
        rack.machines.power_off(ID)
        with pytest.raises(TimeoutError):
            client.recv(10)
    assert not rack.machines.is_on(ID)
    with pytest.raises(TimeoutError):
        greeting()


def test_two_machines_live_and_die_apart(rack: Rack) -> None:
    rack.boot(USER_DATA)
    rack.boot(USER_DATA, instance_id="i-0def", private_ip="10.20.1.6")
    rack.console_says("the user data has ended")
    rack.console_says("the user data has ended", instance_id="i-0def")
    rack.machines.power_off(ID)
    assert greeting("10.20.1.6") == b"hi"
    with pytest.raises(LookupError, match="i-0abc is not on"):
        rack.machines.freeze(ID)


def test_a_guest_may_switch_itself_off(rack: Rack) -> None:
    rack.boot(b"#!/bin/sh\nsystemctl --no-block poweroff\n")
    wait_for(lambda: not rack.machines.is_on(ID), lambda: "the machine to be off")


def test_the_console_is_bounded(rack: Rack) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html: the most recent 64 KB."""
    rack.boot(b"#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' x\necho; echo the end\n")
    rack.console_says("the end")
    assert len(rack.machines.console(ID)) <= 65536
