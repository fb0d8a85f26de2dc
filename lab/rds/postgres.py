"""One PostgreSQL server: made, cloned, started, killed, promoted, asked."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from lab.rds.server import LIMIT_S, Asked, Failed, NoServer, Server

ADMIN = "rdsadmin"  # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.rds_superuser.html
IAM_ROLE = "rds_iam"  # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html
_SLOT = "standby"
_REPLICATION = "rdsrepladmin"
_ON = ("1", "true", "on")


@cache
def binaries() -> Path:
    """The folder of the newest PostgreSQL. Raises NoServer."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise NoServer("a database is played by a real PostgreSQL, and there is none: install it (Debian: apt install postgresql)")
    return found[-1].parent


class Postgres(Server):
    """Its master user is no superuser:

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.rds_superuser.html
    """

    @staticmethod
    @cache
    def played_by() -> str:
        said = subprocess.run([binaries() / "postgres", "--version"], capture_output=True, text=True, timeout=10, check=True)
        return f"PostgreSQL {said.stdout.split()[2]}"

    def initialize(self, parameters: Mapping[str, str], *, tokens: Asked | None = None) -> None:
        """Who comes by IAM comes over TLS or not at all: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html"""
        self._own(self._folder)
        self._run(binaries() / "initdb", "-D", str(self._data), "-A", "trust", "-U", ADMIN, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        # On by default: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html
        secure = "hostssl" if parameters.get("rds.force_ssl", "1").lower() in _ON else "host"
        rules = (
            f"host all {ADMIN} 127.0.0.1/32 trust",
            f"host replication {_REPLICATION} samenet trust",
            *_by_iam(tokens),
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
        return self._data

    def furnish(self, user: str, password: str, name: str) -> None:
        self.sql(f"CREATE ROLE {_REPLICATION} LOGIN REPLICATION")
        self.sql(f"CREATE ROLE rds_superuser; CREATE ROLE {IAM_ROLE}")
        self.sql(f"CREATE ROLE {user} LOGIN CREATEDB CREATEROLE IN ROLE rds_superuser PASSWORD '{password}'")
        if name:
            self.sql(f'CREATE DATABASE "{name}" OWNER {user}')

    def clone(self, primary: Postgres) -> None:
        self._own(self._folder)
        with contextlib.suppress(Failed):
            primary.sql(f"SELECT pg_drop_replication_slot('{_SLOT}')")
        where = ("-h", primary.address, "-p", str(primary.port), "-U", _REPLICATION)
        self._run(
            binaries() / "pg_basebackup", *where, "-D", str(self._data), "-R", "-X", "stream", "-c", "fast", "-C", "-S", _SLOT, "--no-sync"
        )
        with (self._data / "postgresql.auto.conf").open("a") as file:
            # A promoted standby must not wait for one of its own that it has not.
            file.write("synchronous_standby_names = ''\n")

    def start(self) -> None:
        self._run(binaries() / "pg_ctl", "-D", str(self._data), "-l", str(self._folder / "log"), "-w", "-t", str(round(LIMIT_S)), "start")

    def kill(self) -> None:
        with contextlib.suppress(Failed):
            self._run(binaries() / "pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    def restart(self) -> None:
        self._run(binaries() / "pg_ctl", "-D", str(self._data), "-l", str(self._folder / "log"), "-m", "fast", "-w", "restart")

    def promote(self) -> None:
        self._run(binaries() / "pg_ctl", "-D", str(self._data), "-w", "promote")

    def wait_for_standby(self, *, on: bool) -> None:
        self.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{'*' if on else ''}'")
        self.sql("SELECT pg_reload_conf()")

    def sql(self, text: str, *, database: str = "postgres") -> str:
        """As its administrator, on its own loopback. Raises Failed."""
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", ADMIN, "-d", database)
        return self._run(binaries() / "psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", *where, typed=text, as_root=True)


def _by_iam(tokens: Asked | None) -> tuple[str, ...]:
    """https://www.postgresql.org/docs/current/auth-ldap.html: the name that is bound is prefix, user and suffix."""
    if tokens is None:
        return ()
    ask = f'ldap ldapserver={tokens.address} ldapport={tokens.port} ldapprefix="{tokens.instance}/" ldapsuffix=""'
    return f"hostssl all +{IAM_ROLE} 0.0.0.0/0 {ask}", f"host all +{IAM_ROLE} 0.0.0.0/0 reject"
