"""What systemctl may ask of the guest's init: the verbs that scripts use; any other is refused by name."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.machines.manager import Manager, status_line
from lab.machines.service import Service

_REQUEST_BYTES_MAX = 65536
_CLIENTS_MAX = 64
_QUIET = {"-q", "--quiet"}
_IGNORED = {"--system", "--no-pager", "--no-ask-password", "-l", "--full", "--no-legend", "--plain"}
# systemctl(1): is-active gives 3 when it is not active; status as the LSB init specification says.
_NOT_ACTIVE, _NOT_ENABLED, _NO_SUCH_UNIT = 3, 1, 5


@dataclass(frozen=True, slots=True)
class Answer:
    code: int = 0
    out: str = ""
    err: str = ""


@dataclass(slots=True)
class _Waiting:
    """A systemctl that waits for jobs to end."""

    client: socket.socket
    verb: str
    services: list[Service]


class Control:
    """Serves /run/systemd/private."""

    def __init__(
        self, manager: Manager, path: Path, say: Callable[[str], None], power_off: Callable[[str], None], goes_down: Callable[[], bool]
    ) -> None:
        """goes_down: whether the machine is being shut down."""
        self._manager, self._say, self._power_off, self._goes_down = manager, say, power_off, goes_down
        self._folder = Path("/etc/systemd/system")
        self._waiting: list[_Waiting] = []
        self._clients = 0
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.socket.bind(str(path))
        path.chmod(0o600)
        self.socket.listen(16)

    def enabled(self) -> list[str]:
        """Units that multi-user.target wants."""
        return sorted(path.name for path in self._wants.glob("*.service"))

    @property
    def _wants(self) -> Path:
        return self._folder / "multi-user.target.wants"

    def accept(self, watch: Callable[[socket.socket, Callable[[], bool]], None]) -> None:
        """Take a new systemctl in and have its request read as it comes."""
        try:
            client, _ = self.socket.accept()
        except BlockingIOError:
            return
        if self._clients >= _CLIENTS_MAX:
            client.close()
            return
        client.setblocking(False)
        self._clients += 1
        held = bytearray()

        def read() -> bool:
            try:
                data = client.recv(_REQUEST_BYTES_MAX)
            except BlockingIOError:
                return False
            except OSError:
                data = b""
            held.extend(data)
            if data and len(held) <= _REQUEST_BYTES_MAX:
                return False
            self._serve(client, bytes(held))
            return True

        watch(client, read)

    def answer_waiting(self) -> None:
        """Answer those whose jobs have ended."""
        for waiting in list(self._waiting):
            if all(service.settled for service in waiting.services):
                self._waiting.remove(waiting)
                self._reply(waiting.client, _outcome(waiting.verb, waiting.services))

    def _serve(self, client: socket.socket, request: bytes) -> None:
        try:
            argv = [str(word) for word in json.loads(request)]
        except ValueError:
            self._reply(client, Answer(1, err="The request is no JSON list.\n"))
            return
        answer = self.perform(argv, client)
        if answer is not None:
            self._reply(client, answer)

    def _reply(self, client: socket.socket, answer: Answer) -> None:
        self._clients -= 1
        with contextlib.suppress(OSError):
            client.settimeout(1)
            client.sendall(json.dumps({"code": answer.code, "out": answer.out, "err": answer.err}).encode())
        client.close()

    def perform(self, argv: list[str], client: socket.socket) -> Answer | None:
        """Do what is asked; None when the answer has to wait for jobs."""
        options = {word for word in argv if word.startswith("-")} - _IGNORED
        names = [word for word in argv if not word.startswith("-")]
        unknown = options - _QUIET - {"--now", "--no-block"}
        if unknown or not names:
            return self._refuse(f"systemctl {' '.join(argv)}: the lab knows no {', '.join(sorted(unknown)) or 'such call'}")
        verb, units = names[0], [name if "." in name else f"{name}.service" for name in names[1:]]
        if verb in ("daemon-reload", "poweroff", "halt", "list-units", "list-jobs", "reset-failed") and not units:
            return self._without_units(verb)
        if verb in ("start", "stop", "restart"):
            return self._job(verb, units, client, wait="--no-block" not in options)
        if verb in ("enable", "disable"):
            answer = self._install(verb, units)
            if answer.code or "--now" not in options:
                return answer
            return self._job("start" if verb == "enable" else "stop", units, client, wait="--no-block" not in options)
        if verb in ("is-active", "is-failed", "is-enabled", "status", "show") and units:
            answer = self._question(verb, units)
            return Answer(answer.code) if options & _QUIET else answer
        return self._refuse(f"systemctl {' '.join(argv)}: the lab knows no such verb")

    def _refuse(self, text: str) -> Answer:
        self._say(f"systemd: {text}")
        return Answer(1, err=text + "\n")

    def _without_units(self, verb: str) -> Answer:
        if verb == "daemon-reload":
            self._manager.load()
        elif verb in ("poweroff", "halt"):
            self._power_off(f"systemctl {verb}")
        elif verb == "list-jobs":
            # systemctl(1): one line a job: its number, unit, kind and state. Shutting down is the one job that lasts here.
            return Answer(out="1 poweroff.target start waiting\n" if self._goes_down() else "")
        elif verb == "list-units":
            lines = (status_line(service) for service in self._manager.services.values())
            return Answer(out="".join(f"{s['Id']} loaded {s['ActiveState']} {s['SubState']} {s['Description']}\n" for s in lines))
        else:
            for service in self._manager.services.values():
                service.reset_failed()
        return Answer()

    def _job(self, verb: str, names: list[str], client: socket.socket, *, wait: bool) -> Answer | None:
        services = []
        for name in names:
            service = self._manager.services.get(name)
            if service is None:
                trouble = self._manager.load_one(name)
                if trouble is not None:
                    return Answer(_NO_SUCH_UNIT, err=f"Failed to {verb} {name}: {trouble}\n")
                service = self._manager.services[name]
            services.append(service)
        now = time.monotonic()
        for service in services:
            {"start": service.start, "stop": service.stop, "restart": service.restart}[verb](now)
        if not wait:
            return Answer()
        self._waiting.append(_Waiting(client, verb, services))
        return None

    def _install(self, verb: str, names: list[str]) -> Answer:
        """systemctl(1) enable: a link from the target's folder; it takes effect at the next boot."""
        told = ""
        for name in names:
            link = self._wants / name
            if verb == "disable":
                link.unlink(missing_ok=True)
                continue
            trouble = self._manager.load_one(name)
            if trouble is not None:
                return Answer(1, err=f"Failed to enable unit: {trouble}\n")
            if not self._manager.services[name].unit.wanted_by:
                return Answer(1, err=f"The unit {name} has no [Install] section that says who wants it.\n")
            link.unlink(missing_ok=True)
            link.symlink_to(self._folder / name)
            told += f"Created symlink {link} -> {self._folder / name}.\n"
        return Answer(err=told)

    def _question(self, verb: str, names: list[str]) -> Answer:
        if verb == "is-enabled":
            enabled = [name in self.enabled() for name in names]
            text = "".join("enabled\n" if yes else "disabled\n" for yes in enabled)
            return Answer(0 if any(enabled) else _NOT_ENABLED, text)
        rows = []
        for name in names:
            service = self._manager.services.get(name)
            rows.append(status_line(service) if service else {"Id": name, "ActiveState": "inactive", "SubState": "dead", "MainPID": 0})
        states = [str(row["ActiveState"]) for row in rows]
        if verb == "is-active":
            return Answer(0 if "active" in states else _NOT_ACTIVE, "".join(f"{state}\n" for state in states))
        if verb == "is-failed":
            return Answer(0 if "failed" in states else 1, "".join(f"{state}\n" for state in states))
        text = "\n".join("".join(f"{key}={value}\n" for key, value in row.items()) for row in rows)
        return Answer(_NOT_ACTIVE if verb == "status" and set(states) != {"active"} else 0, text)


def _outcome(verb: str, services: list[Service]) -> Answer:
    """systemctl(1): start fails when a unit did not come up."""
    failed = [s for s in services if verb in ("start", "restart") and (s.state in ("failed", "auto-restart") or s.result != "success")]
    lines = (
        f"Job for {s.unit.name} failed (result '{s.result}'). See /var/log/journal-{s.unit.name.removesuffix('.service')}.log.\n"
        for s in failed
    )
    return Answer(1 if failed else 0, err="".join(lines))
