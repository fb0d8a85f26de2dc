"""A database server on a host of its own in the VPC: what every engine's can be asked to do, and how its programs are run."""

from __future__ import annotations

import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

LIMIT_S = 60.0
_USER = 65534  # nobody, whom every machine knows: database servers refuse to be root


class NoServer(Exception):
    """This machine cannot play it; the text says why, in one line."""


class Failed(Exception):
    """A program of the engine's failed; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked, by LDAP, whether a token of IAM opens this instance to a user (lab/rds/tokens.py)."""

    address: str
    port: int
    instance: str


@cache
def as_nobody() -> tuple[str, ...]:
    """How to be somebody else than root here: in the lab's own user namespace only one id is mapped, so one of a further one is used."""
    mapped = ("unshare", "--user", f"--map-user={_USER}", f"--map-group={_USER}", "--")
    if subprocess.run([*mapped, "true"], capture_output=True, timeout=10).returncode == 0:
        return mapped
    return ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", "--")


class Server(ABC):
    """prefix: argv that enters the host's network. Its files belong to the lab's folder and go with it. All raise NoServer, Failed."""

    def __init__(self, name: str, folder: Path, address: str, port: int, prefix: Sequence[str]) -> None:
        self.name, self.address, self.port = name, address, port
        self._folder, self._data, self._prefix = folder, folder / "data", list(prefix)
        folder.mkdir(parents=True)

    @staticmethod
    @abstractmethod
    def played_by() -> str:
        """The program's name and version."""

    @property
    @abstractmethod
    def certificates(self) -> Path:
        """Where server.crt and server.key belong."""

    @abstractmethod
    def initialize(self, parameters: Mapping[str, str], *, tokens: Asked | None = None) -> None:
        """An empty one. parameters: of its parameter group. tokens: who knows of those who come by IAM; without, nobody comes so."""

    @abstractmethod
    def furnish(self, user: str, password: str, name: str) -> None:
        """The master user, who may not do everything, and the database that RDS makes; once it runs."""

    @abstractmethod
    def clone(self, primary: Self) -> None:
        """A standby that follows it, and holds each commit of it until it has it too (once `wait_for_standby` says so)."""

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def kill(self) -> None:
        """All of its processes end at once, without a word to the disk; harmless when there are none."""

    @abstractmethod
    def restart(self) -> None: ...

    @abstractmethod
    def promote(self) -> None: ...

    @abstractmethod
    def wait_for_standby(self, *, on: bool) -> None:
        """Whether a commit is answered only once the standby has it: RDS replicates synchronously between zones.

        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZSingleStandby.html
        """

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _own(self, folder: Path) -> None:
        if as_nobody()[0] == "setpriv":
            os.chown(folder, _USER, _USER)

    def _run(self, program: Path, *arguments: str, typed: str = "", as_root: bool = False) -> str:
        """What it printed, without blanks around it. Raises Failed."""
        argv = [*self._prefix, *(() if as_root else as_nobody()), str(program), *arguments]
        log = self._folder / f"{program.name}.out"
        # To a file: what pg_ctl leaves running would hold a pipe open.
        with log.open("w+b") as out:
            done = subprocess.run(argv, input=typed.encode(), stdout=out, stderr=subprocess.STDOUT, timeout=LIMIT_S, cwd="/")
            out.seek(0)
            said = out.read(65536).decode(errors="replace").strip()
        if done.returncode != 0:
            raise Failed(f"{program.name} on {self.name}: {said[-600:]}")
        return said
