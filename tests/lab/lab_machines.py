"""A machine's specification for tests, and a world with a network and machines (inside the lab's space only)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lab.clock import Clock
from lab.delays import Delays
from lab.journal import Journal
from lab.machines.containers import Containers
from lab.network import VpcNetwork
from lab.world import MachineSpec, World

SPEC = MachineSpec(
    instance_id="i-0abc",
    private_ip="10.20.1.5",
    subnet_id="subnet-1",
    subnet_cidr="10.20.1.0/24",
    vpc_cidr="10.20.0.0/16",
    mac="02:11:22:33:44:55",
    zone="us-east-1a",
    instance_type="t4g.small",
    image_id="ami-0123",
    architecture="arm64",
    user_data=b"",
    role_arn="arn:aws:iam::123456789012:role/path/node",
    imds_tokens_required=True,
    imds_hop_limit=1,
    tags={},
)

# Greets on port 8080, tells systemd that it is ready, feeds its watchdog until the file /run/hang is there.
APP = """
import os, socket, threading, time
def notify(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(os.environ["NOTIFY_SOCKET"])
        sender.send(text.encode())
server = socket.create_server(("", 8080))
notify("READY=1")
def feed():
    while not os.path.exists("/run/hang"):
        notify("WATCHDOG=1")
        time.sleep(0.1)
threading.Thread(target=feed, daemon=True).start()
print("serving", flush=True)
while True:
    client, _ = server.accept()
    client.sendall(b"hi")
    client.close()
"""
UNIT = """
[Unit]
Description=A greeter
After=network-online.target
[Service]
Type=notify
ExecStart=/usr/bin/python3 /opt/app.py
Restart=always
RestartSec=100ms
WatchdogSec=1
KillMode=mixed
[Install]
WantedBy=multi-user.target
"""
USER_DATA = f"""#!/bin/bash
set -euo pipefail
cat > /opt/app.py <<'END'
{APP}
END
cat > /etc/systemd/system/app.service <<'END'
{UNIT}
END
systemctl daemon-reload
systemctl enable --now app.service
echo "app is $(systemctl is-active app)"
""".encode()


class Rack:
    """Machines and their network, with the few waits that tests need."""

    def __init__(self, folder: Path) -> None:
        self.world = World(lab_dir=folder, clock=Clock(), journal=Journal(folder / "journal"), delays=Delays())
        self.network = VpcNetwork()
        self.world.network = self.network
        self.machines = Containers(self.world)
        self.world.machines = self.machines

    def boot(self, user_data: bytes, *, instance_id: str = "i-0abc", private_ip: str = "10.20.1.5") -> str:
        mac = f"02:11:22:33:44:{int(private_ip.rsplit('.', 1)[1]):02x}"
        self.machines.boot(replace(SPEC, instance_id=instance_id, private_ip=private_ip, mac=mac, user_data=user_data))
        return instance_id

    def console_says(self, text: str, *, instance_id: str = "i-0abc", within_s: float = 20.0) -> None:
        wait_for(lambda: text in self.machines.console(instance_id), lambda: f"{text!r} in {self.machines.console(instance_id)}", within_s)


def wait_for(true: Callable[[], bool], what: Callable[[], str], within_s: float = 20.0) -> None:
    until = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < until, f"waited {within_s} s for {what()}"
        time.sleep(0.01)
