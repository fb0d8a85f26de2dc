"""Functions and the world around them: private networks, and the death of the server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from lab.functions.runtimes import choose, wanted_version
from lab.world import World
from tests.lab.lab_worlds import deploy, small_world, wait_for


class FakeNetwork:
    """Attaches nothing, and remembers."""

    def __init__(self) -> None:
        self.attached: dict[str, str] = {}
        self.detached: list[str] = []

    def ensure_vpc(self, vpc_cidr: str) -> None: ...

    def attach(self, name: str, address: str) -> list[str]:
        self.attached[name] = address
        return ["env", f"ENTERED={name}"]

    def detach(self, name: str) -> None:
        self.detached.append(name)

    def route(self, public_address: str, private_address: str | None) -> None: ...


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with small_world(tmp_path) as made:
        yield made


def test_a_function_in_the_vpc_enters_its_own_network_with_an_address_of_its_subnet(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html"""
    network = FakeNetwork()
    world.network = network
    monkeypatch.setattr("lab.functions.pool.AWS_ADDRESS", "127.0.0.1")
    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24")["Subnet"]["SubnetId"]
    deploy(
        "inside",
        "import os\ndef handler(event, context):\n    return dict(os.environ)\n",
        VpcConfig={"SubnetIds": [subnet], "SecurityGroupIds": []},
    )

    body = json.loads(boto3.client("lambda").invoke(FunctionName="inside", Payload="{}")["Payload"].read())

    assert network.attached == {"fn1": "10.20.1.254"}
    assert body["ENTERED"] == "fn1"
    assert body["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert world.functions is not None
    world.functions.close()  # type: ignore[attr-defined]
    assert network.detached == ["fn1"]


SERVER = """
import sys, threading
from pathlib import Path
from tests.lab.lab_worlds import deploy, small_world
with small_world(Path(sys.argv[1])) as world:
    code = "import os, time\\ndef handler(e, c):\\n    open(e['to'], 'w').write(str(os.getpid()))\\n    time.sleep(60)\\n"
    deploy("hang", code, Timeout=60)
    world.functions.invoke_async("hang", {"to": sys.argv[1] + "/pid"}, origin="a test")
    threading.Event().wait(60)
"""


def test_when_the_server_is_killed_its_functions_die_too(tmp_path: Path) -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(tmp_path)], cwd=Path(__file__).parents[2])
    pid = int(wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    assert Path(f"/proc/{pid}").exists()

    os.kill(server.pid, signal.SIGKILL)
    server.wait()

    wait_for(lambda: not _alive(pid))


def _alive(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text().replace(")", " ", 1)
    except OSError:
        return False


@pytest.mark.parametrize(
    ("wanted", "found", "chosen"),
    [
        ((3, 14), [(3, 11), (3, 14)], (3, 14)),
        ((3, 14), [(3, 11), (3, 13)], (3, 13)),
        ((3, 12), [(3, 11), (3, 13)], (3, 11)),
        ((3, 11), [(3, 12)], (3, 12)),
    ],
)
def test_the_interpreter_is_the_wanted_one_or_the_nearest_older(wanted: Any, found: list[Any], chosen: Any) -> None:
    assert choose(wanted, dict.fromkeys(found, "python")) == chosen


def test_only_python_runs() -> None:
    with pytest.raises(ValueError, match=r"nodejs22\.x"):
        wanted_version("nodejs22.x")
