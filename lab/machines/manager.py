"""What systemd's manager does on a machine of the lab: loads units, runs their services, answers systemctl."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lab.machines import syntax
from lab.machines.hands import SpawnFailed
from lab.machines.keeper import Keeper
from lab.machines.rootfs import PATH
from lab.machines.service import Service
from lab.machines.syntax import INFINITY
from lab.machines.unit import Command, Unit, UnitError
from lab.machines.units import UNIT_BYTES_MAX, parse

_UNITS_MAX = 100
_RUN = Path("/run")


class Manager:
    """Units of one folder and their services. It performs for them (it is their Hands)."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], say: Callable[[str], None], on_keeper: Callable[[Keeper], None]
    ) -> None:
        self._folder, self._environment, self._say, self._on_keeper = folder, dict(environment), say, on_keeper
        self.services: dict[str, Service] = {}
        self.keepers: dict[str, Keeper] = {}
        self.notify_path = ""
        self._said_of_files: set[str] = set()

    def load(self) -> None:
        """Read every unit file again (daemon-reload). A unit that cannot be loaded is said on the console."""
        for path in sorted(self._folder.glob("*.service"))[:_UNITS_MAX]:
            self.load_one(path.name)

    def load_one(self, name: str) -> str | None:
        """Read one unit file; why it is not loaded, or None. What runs keeps running under its new settings."""
        path = self._folder / name
        try:
            if path.stat().st_size > UNIT_BYTES_MAX:
                raise UnitError([f"{name}: is larger than {UNIT_BYTES_MAX} bytes"])
            unit = parse(name, path.read_text(errors="replace"))
        except FileNotFoundError:
            return f"Unit {name} not found."
        except UnitError as error:
            for line in error.lines:
                self._say(f"systemd: {line}")
            self._say(f"systemd: {name} is not loaded")
            if name in self.services and self.services[name].state in ("inactive", "failed"):
                del self.services[name]
            return f"Unit {name} has a bad setting: {error.lines[0]}"
        known = self.services.get(name)
        if known is None or known.unit != unit:
            for remark in unit.remarks:
                self._say(f"systemd: {remark}")
        self.adopt(unit)
        return None

    def adopt(self, unit: Unit) -> Service:
        """Put a unit under management, or its new settings in place."""
        service = self.services.setdefault(unit.name, Service(unit, self))
        service.unit = unit
        return service

    def find(self, pid: int) -> Service | None:
        """The service that a process belongs to, by descent from its keeper."""
        by_pid = {keeper.pid: name for name, keeper in self.keepers.items()}
        parents = parents_of_all()
        for _ in range(len(parents) + 1):
            if pid in by_pid:
                return self.services.get(by_pid[pid])
            if pid not in parents:
                return None
            pid = parents[pid]
        return None

    def prepare(self, unit: Unit) -> None:
        """systemd.exec(5), RuntimeDirectory=: made, owned by the service's user, before the first command runs."""
        for name in unit.runtime_directories:
            folder = _RUN / name
            try:
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(unit.runtime_directory_mode)
            except OSError as error:
                raise SpawnFailed(f"RuntimeDirectory={name}: {error}") from error

    def tidy(self, unit: Unit, *, comes_back: bool) -> None:
        """systemd.exec(5), RuntimeDirectoryPreserve=."""
        keep = unit.runtime_directory_preserve
        if keep == "yes" or (keep == "restart" and comes_back):
            return
        for name in unit.runtime_directories:
            shutil.rmtree(_RUN / name, ignore_errors=True)

    def spawn(self, unit: Unit, command: Command) -> int:
        environment = self._environment_of(unit)
        argv = list(command.argv)
        if not command.literal:
            argv = [argv[0], *(part for word in argv[1:] for part in syntax.expand(word, environment))]
        return self._keeper_of(unit).spawn(
            {
                "argv": argv,
                "env": environment,
                "cwd": unit.working_directory,
                "umask": unit.umask,
                "nice": unit.nice,
                "open_files": self._open_files(unit),
                "oom_score_adjust": unit.oom_score_adjust,
                "no_new_privileges": unit.no_new_privileges,
            }
        )

    def _open_files(self, unit: Unit) -> tuple[int, int] | None:
        """As much of LimitNOFILE= as this machine's own hard limit allows; root here may not raise that one (setrlimit(2))."""
        if unit.open_files is None:
            return None
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        most = 1 << 30 if most == resource.RLIM_INFINITY else most
        soft, hard = (int(min(limit, most)) for limit in unit.open_files)
        if (soft < unit.open_files[0] or hard < unit.open_files[1]) and unit.name not in self._said_of_files:
            self._said_of_files.add(unit.name)
            self.say(f"{unit.name}: LimitNOFILE= is {soft}:{hard} here: the lab's own hard limit is {most}")
        return soft, hard

    def kill(self, pid: int, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    def members(self, unit: Unit) -> list[int]:
        """Every living process under the unit's keeper."""
        keeper = self.keepers.get(unit.name)
        return [] if keeper is None else descendants(keeper.pid)

    def say(self, text: str) -> None:
        self._say(f"systemd: {text}")

    def keeper_lost(self, keeper: Keeper, now_s: float) -> None:
        """A keeper was killed: what it kept is nobody's child any more; end it, and count the service's process as killed."""
        del self.keepers[keeper.name]
        service = self.services.get(keeper.name)
        keeper.close()
        if service is not None and service.main is not None:
            self.kill(service.main, 9)
            service.on_exit(service.main, -9, now_s)

    def _keeper_of(self, unit: Unit) -> Keeper:
        if unit.name not in self.keepers:
            self.keepers[unit.name] = Keeper(unit.name)
            self._on_keeper(self.keepers[unit.name])
        return self.keepers[unit.name]

    def _environment_of(self, unit: Unit) -> dict[str, str]:
        """systemd.exec(5), "Environment Variables in Spawned Processes"; files win over Environment=. Raises SpawnFailed."""
        result = {"PATH": PATH, "LANG": "C.UTF-8", "INVOCATION_ID": uuid.uuid4().hex, **self._environment}
        if unit.user:
            result |= {"HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/sh"}
        if unit.notify_access != "none":
            result["NOTIFY_SOCKET"] = self.notify_path
        if unit.watchdog_s < INFINITY:
            result["WATCHDOG_USEC"] = str(int(unit.watchdog_s * 1e6))
        if unit.runtime_directories:
            result["RUNTIME_DIRECTORY"] = ":".join(str(_RUN / name) for name in unit.runtime_directories)
        result |= dict(unit.environment)
        for path, may_be_absent in unit.environment_files:
            try:
                result |= syntax.environment_file(Path(path).read_text())
            except FileNotFoundError as error:
                if not may_be_absent:
                    raise SpawnFailed(f"EnvironmentFile={path} does not exist") from error
            except (OSError, ValueError) as error:
                raise SpawnFailed(f"EnvironmentFile={path}: {error}") from error
        return result


def parents_of_all() -> dict[int, int]:
    """Parent of every living process in this process namespace (proc(5): stat fields 3 and 4)."""
    result: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                fields = Path("/proc", name, "stat").read_text(errors="replace").rsplit(")", 1)[1].split()
                if fields[0] not in "ZX":
                    result[int(name)] = int(fields[1])
    return result


def descendants(root: int) -> list[int]:
    """Living processes that descend from `root`, itself not counted."""
    children: dict[int, list[int]] = {}
    for pid, parent in parents_of_all().items():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    waiting = list(children.get(root, ()))
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, ())
    return found


def status_line(service: Service) -> dict[str, Any]:
    """What `systemctl show` tells of a service."""
    active = {"exited": "active", "active": "active", "inactive": "inactive", "failed": "failed"}
    deactivating = service.state in ("stopping", "killing")
    return {
        "Id": service.unit.name,
        "Description": service.unit.description,
        "ActiveState": active.get(service.state, "deactivating" if deactivating else "activating"),
        "SubState": {"active": "running"}.get(service.state, service.state),
        "MainPID": service.main or 0,
        "NRestarts": service.restarts,
        "Result": service.result,
        "StatusText": service.status_text,
    }
