"""One proxy seen from the emulator: its place in the network, its process, and what they tell each other."""

from __future__ import annotations

import ipaddress
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.world import World

_ROOT = Path(__file__).resolve().parents[2]
_BLOCK = "203.0.113"  # TEST-NET-3 (RFC 5737): never somebody else's, and not the elastic addresses' block
# From the top of the subnet, below the functions' addresses (lab.functions.vpc).
_FROM_TOP = 70
_FIRST = 10

Heard = Callable[[dict[str, str]], None]


@dataclass(eq=False, slots=True)
class Running:
    """name: what clients look up. number: of all that were ever made; its addresses hang on it."""

    name: str
    number: int
    process: subprocess.Popen[str]
    said: dict[str, Any] = field(default_factory=dict)

    def become(self, wanted: dict[str, Any]) -> None:
        """Say what it is to be, when that is news to it. Raises OSError when it is no more."""
        if wanted == self.said:
            return
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(wanted) + "\n")
        self.process.stdin.flush()
        self.said = wanted

    @property
    def died(self) -> bool:
        return self.process.poll() is not None

    def end(self) -> None:
        self.process.kill()


def launch(world: World, balancer: Any, number: int, heard: Heard) -> Running:
    """Give it its addresses, and a process in a namespace of its own; again with the same number, the same ones. number: from 1."""
    network = world.network
    assert network is not None
    subnet = ipaddress.IPv4Network(balancer.subnets[0].cidr_block)
    private, namespace = str(subnet[-_FROM_TOP - number]), f"lb{number}"
    prefix = network.attach(namespace, private)
    address = private
    if balancer.scheme == "internet-facing":
        address = f"{_BLOCK}.{_FIRST + number}"
        network.add_address(namespace, address)
        network.route(address, private)
    name = str(balancer.dns_name).lower()
    world.names[name] = (address,)
    world.journal.say("balancer", f"{name} is at {address}", address=address)
    process = subprocess.Popen(
        [*prefix, sys.executable, "-m", "lab.balancers.proxy"],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    threading.Thread(target=_listen, args=(process, heard), name=f"balancer {name}", daemon=True).start()
    return Running(name, number, process)


def _listen(process: subprocess.Popen[str], heard: Heard) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        heard(json.loads(line))
