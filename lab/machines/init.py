"""Process 1 of a machine: the loop behind the stand-ins for systemd and cloud-init."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.machines.control import Control
from lab.machines.journals import JournalFile, stamp
from lab.machines.keeper import Keeper
from lab.machines.manager import Manager, descendants
from lab.machines.notify import NotifySocket
from lab.machines.syntax import INFINITY
from lab.machines.unit import Command, Unit
from lab.machines.userdata import UserDataError, script

USER_DATA_UNIT = "cloud-final.service"
_SCRIPT = Path("/var/lib/cloud/instance/scripts/part-001")
_SEMAPHORE = Path("/var/lib/cloud/instance/sem/config_scripts_user")
_READ_BYTES = 65536
_FAREWELL_S = 5.0  # for processes of no unit, after the units are down


class Init:
    """One machine's life: `run` returns when the machine is to be switched off."""

    def __init__(self, hypervisor: socket.socket, boot: dict[str, Any]) -> None:
        self._hypervisor, self._boot = hypervisor, boot
        self._selector = selectors.DefaultSelector()
        self._journals: dict[str, JournalFile] = {}
        self._output_log = JournalFile(Path("/var/log/cloud-init-output.log"))
        self._off = False
        self._stopping = False
        folder = Path("/etc/systemd/system")
        self._manager = Manager(folder, boot["environment"], self._say, self._watch_keeper)
        self._notify = NotifySocket(Path("/run/systemd/notify"))
        self._manager.notify_path = str(self._notify.path)
        self._control = Control(self._manager, Path("/run/systemd/private"), self._say, self._begin_to_stop, lambda: self._stopping)
        self._wake = self._wake_on_children()

    def run(self) -> None:
        """Boot: enabled units, then the user data if it is the first one; then serve until told to stop."""
        self._watch(self._notify.socket, self._on_notify)
        self._watch(self._control.socket, lambda: self._control.accept(self._watch_client))
        self._watch(self._hypervisor, self._on_hypervisor)
        self._watch(self._wake, self._reap)
        self._manager.load()
        for name in self._control.enabled():
            if name in self._manager.services:
                self._manager.services[name].start(time.monotonic())
        self._run_user_data()
        while not self._off:
            self._turn()
        self._say_farewell()

    def _turn(self) -> None:
        """Hear what happened, then look at the clock: a ping that waits counts before its deadline is judged."""
        due = min((service.next_s() for service in self._manager.services.values()), default=INFINITY)
        wait = None if due == INFINITY else max(0.0, due - time.monotonic())
        for key, _ in self._selector.select(wait):
            key.data()
        self._on_notify()
        now = time.monotonic()
        for service in list(self._manager.services.values()):
            service.on_time(now)
        self._control.answer_waiting()
        if self._stopping and all(s.state in ("inactive", "failed") for s in self._manager.services.values()):
            self._off = True

    def _run_user_data(self) -> None:
        """What cloud-init's scripts-user module does (https://cloudinit.readthedocs.io/en/latest/explanation/format.html).

        Once per instance, also when it was broken off: the semaphore is there before the script runs.
        """
        try:
            text = script(bytes.fromhex(self._boot["user_data"]))
        except UserDataError as error:
            self._say(f"cloud-init: {error}; it was not run")
            return
        if text is None:
            self._say("cloud-init: no user data")
            return
        if _SEMAPHORE.exists():
            self._say("cloud-init: the user data was run at the first boot")
            return
        for needed in (_SCRIPT, _SEMAPHORE):
            needed.parent.mkdir(parents=True, exist_ok=True)
        _SEMAPHORE.touch()
        _SCRIPT.write_bytes(text)
        _SCRIPT.chmod(0o700)
        unit = Unit(
            name=USER_DATA_UNIT,
            description="user data",
            type="oneshot",
            exec_start=(Command((str(_SCRIPT),), literal=True),),
            start_timeout_s=INFINITY,
            remain_after_exit=True,
            kill_mode="process",
        )
        self._say("cloud-init: running the user data")
        self._manager.adopt(unit).start(time.monotonic())

    def _wake_on_children(self) -> int:
        wake, end = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(end, False)
        signal.set_wakeup_fd(end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        return wake

    def _watch(self, source: Any, act: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, act)

    def _watch_client(self, client: socket.socket, act: Callable[[], bool]) -> None:
        """Read from a systemctl until `act` says that it has spoken."""

        def read() -> None:
            if act():
                self._selector.unregister(client)

        self._watch(client, read)

    def _watch_keeper(self, keeper: Keeper) -> None:
        self._tell({"keeper": keeper.name, "pid": keeper.pid})
        self._watch(keeper.exits, lambda: self._on_exits(keeper))
        self._watch(keeper.output, lambda: self._on_output(keeper))

    def _on_exits(self, keeper: Keeper) -> None:
        service = self._manager.services.get(keeper.name)
        self._on_notify()  # what a process said before it ended comes first
        for pid, code in keeper.ended():
            if service is not None:
                if keeper.name == USER_DATA_UNIT and pid == service.main:
                    self._on_output(keeper)
                    self._user_data_ended(code)
                service.on_exit(pid, code, time.monotonic())

    def _user_data_ended(self, code: int) -> None:
        if code == 0:
            self._say("cloud-init: the user data has ended")
        else:
            how = f"exit status {code}" if code > 0 else f"signal {-code}"
            self._say(f"cloud-init: the user data FAILED with {how}")
        self._tell({"user_data": code})

    def _on_output(self, keeper: Keeper) -> None:
        try:
            data = os.read(keeper.output, _READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            return
        if keeper.name == USER_DATA_UNIT:
            self._output_log.write(data)
            _print(data)
            return
        self._journal(keeper.name).write(data)

    def _journal(self, name: str) -> JournalFile:
        stem = name.removesuffix(".service")
        if stem not in self._journals:
            self._journals[stem] = JournalFile(Path(f"/var/log/journal-{stem}.log"))
        return self._journals[stem]

    def _on_notify(self) -> None:
        for pid, fields in self._notify.received():
            by_main = next((s for s in self._manager.services.values() if s.main == pid), None)
            service = by_main or self._manager.find(pid)
            if service is not None:
                service.on_notify(by_main is not None, fields, time.monotonic())

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 4096)
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for keeper in list(self._manager.keepers.values()):
                if keeper.pid == pid:
                    self._selector.unregister(keeper.exits)
                    self._selector.unregister(keeper.output)
                    self._manager.keeper_lost(keeper, time.monotonic())

    def _on_hypervisor(self) -> None:
        data = self._hypervisor.recv(4096)
        if not data:
            self._off = True  # the hypervisor is gone: so is the power
        elif json.loads(data).get("do") == "shutdown":
            self._begin_to_stop("the power button was pressed")

    def _begin_to_stop(self, why: str) -> None:
        """As systemd does on shutdown: every service at once, each within its TimeoutStopSec."""
        if not self._stopping:
            self._say(f"systemd: shutting down: {why}")
            self._stopping = True
            for service in self._manager.services.values():
                service.stop(time.monotonic())

    def _say_farewell(self) -> None:
        """SIGTERM, then SIGKILL, for whatever belongs to no service any more."""
        kept = {keeper.pid for keeper in self._manager.keepers.values()}
        until = time.monotonic() + _FAREWELL_S
        others = _others(kept)
        for pid in others:
            self._manager.kill(pid, signal.SIGTERM)
        while others and time.monotonic() < until:
            time.sleep(0.05)
            self._reap()
            others = _others(kept)
        self._say("systemd: power down")

    def _say(self, text: str) -> None:
        _print(f"[{stamp()}] {text}\n".encode())

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._hypervisor.send(json.dumps(message).encode())


def _others(kept: set[int]) -> list[int]:
    return [pid for pid in descendants(1) if pid not in kept]


def _print(data: bytes) -> None:
    """The console is a pipe to the hypervisor."""
    with contextlib.suppress(OSError):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
