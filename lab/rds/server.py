"""One PostgreSQL server on a host of its own in the VPC: made, cloned, started, killed, promoted, asked."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

ADMIN = "rdsadmin"  # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.rds_superuser.html
IAM_ROLE = "rds_iam"  # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html
_SLOT = "standby"
_REPLICATION = "rdsrepladmin"
_LIMIT_S = 60.0
_USER = 65534  # nobody, whom every machine knows: PostgreSQL refuses to be root


class NoServer(Exception):
    """This machine cannot play it; the text says why, in one line."""


class Failed(Exception):
    """A program of PostgreSQL's failed; the text is what it said."""


@cache
def binaries() -> Path:
    """The folder of the newest PostgreSQL. Raises NoServer."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise NoServer("a database is played by a real PostgreSQL, and there is none: install it (Debian: apt install postgresql)")
    return found[-1].parent


@cache
def version() -> str:
    """What it calls itself, such as 15.18."""
    said = subprocess.run([binaries() / "postgres", "--version"], capture_output=True, text=True, timeout=10, check=True)
    return said.stdout.split()[2]


@cache
def _as_nobody() -> tuple[str, ...]:
    """How to be somebody else than root here: in the lab's own user namespace only one id is mapped, so one of a further one is used."""
    mapped = ("unshare", "--user", f"--map-user={_USER}", f"--map-group={_USER}", "--")
    if subprocess.run([*mapped, "true"], capture_output=True, timeout=10).returncode == 0:
        return mapped
    return ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", "--")


class Server:
    """prefix: argv that enters the host's network. Its files belong to the lab's folder and go with it."""

    def __init__(self, name: str, folder: Path, address: str, port: int, prefix: Sequence[str]) -> None:
        self.name, self.address, self.port = name, address, port
        self._folder, self._data, self._prefix = folder, folder / "data", list(prefix)
        folder.mkdir(parents=True)

    def initialize(self, *, tls_only: bool, tokens: str = "") -> None:
        """An empty cluster. tls_only: what the parameter group says (rds.force_ssl). tokens: how members of rds_iam are asked about.

        They come over TLS or not at all: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
        """
        self._own(self._folder)
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", ADMIN, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        secure = "hostssl" if tls_only else "host"
        rules = (
            f"host all {ADMIN} 127.0.0.1/32 trust",
            f"host replication {_REPLICATION} samenet trust",
            *((f"hostssl all +{IAM_ROLE} 0.0.0.0/0 {tokens}", f"host all +{IAM_ROLE} 0.0.0.0/0 reject") if tokens else ()),
            f"{secure} all all 0.0.0.0/0 scram-sha-256",
        )
        (self._data / "pg_hba.conf").write_text("\n".join(rules) + "\n")
        settings = {
            "listen_addresses": "*", "port": str(self.port), "unix_socket_directories": "", "ssl": "on",
            "ssl_cert_file": "server.crt", "ssl_key_file": "server.key", "password_encryption": "scram-sha-256",
            # The machine below survives whatever the lab does to a server: only its processes are ever lost.
            "fsync": "off", "shared_buffers": "16MB", "max_connections": "60", "max_wal_senders": "4", "wal_level": "replica",
        }  # fmt: skip
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(f"{key} = '{value}'\n" for key, value in settings.items())

    @property
    def certificates(self) -> Path:
        """Where server.crt and server.key belong."""
        return self._data

    def clone(self, primary: Server) -> None:
        """A standby that streams from it, and holds each commit of it until it has it too (once `wait_for_standby` says so)."""
        self._own(self._folder)
        with contextlib.suppress(Failed):
            primary.sql(f"SELECT pg_drop_replication_slot('{_SLOT}')")
        where = ("-h", primary.address, "-p", str(primary.port), "-U", _REPLICATION)
        self._run("pg_basebackup", *where, "-D", str(self._data), "-R", "-X", "stream", "-c", "fast", "-C", "-S", _SLOT, "--no-sync")
        with (self._data / "postgresql.auto.conf").open("a") as file:
            # A promoted standby must not wait for one of its own that it has not.
            file.write("synchronous_standby_names = ''\n")

    def start(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self._folder / "log"), "-w", "-t", str(round(_LIMIT_S)), "start")

    def kill(self) -> None:
        """All of its processes end at once, without a word to the disk; harmless when there are none."""
        with contextlib.suppress(Failed):
            self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    def restart(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self._folder / "log"), "-m", "fast", "-w", "restart")

    def promote(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-w", "promote")

    def wait_for_standby(self, *, on: bool) -> None:
        """Whether a commit is answered only once the standby has it: RDS replicates synchronously between zones.

        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZSingleStandby.html
        """
        self.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{'*' if on else ''}'")
        self.sql("SELECT pg_reload_conf()")

    def allow_replication(self) -> None:
        self.sql(f"CREATE ROLE {_REPLICATION} LOGIN REPLICATION")

    def sql(self, text: str, *, database: str = "postgres") -> str:
        """As its administrator, on its own loopback. Raises Failed."""
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", ADMIN, "-d", database)
        return self._run("psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", *where, typed=text, as_root=True)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _own(self, folder: Path) -> None:
        if _as_nobody()[0] == "setpriv":
            os.chown(folder, _USER, _USER)

    def _run(self, program: str, *arguments: str, typed: str = "", as_root: bool = False) -> str:
        argv = [*self._prefix, *(() if as_root else _as_nobody()), str(binaries() / program), *arguments]
        log = self._folder / f"{program}.out"
        # To a file: what pg_ctl leaves running would hold a pipe open.
        with log.open("w+b") as out:
            done = subprocess.run(argv, input=typed.encode(), stdout=out, stderr=subprocess.STDOUT, timeout=_LIMIT_S, cwd="/")
            out.seek(0)
            said = out.read(65536).decode(errors="replace").strip()
        if done.returncode != 0:
            raise Failed(f"{program} on {self.name}: {said[-600:]}")
        return said
