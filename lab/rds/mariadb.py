"""One MariaDB server: made, cloned, started, killed, promoted, asked."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from lab.rds import plugin
from lab.rds.server import LIMIT_S, Asked, Failed, NoServer, Server, as_nobody

_REPLICATION = "rdsrepladmin"
_LOOK_S = 0.05
_PROGRAMS = {
    "mariadbd": "/usr/sbin/mariadbd", "install": "/usr/bin/mariadb-install-db",
    "client": "/usr/bin/mariadb", "backup": "/usr/bin/mariadb-backup",
}  # fmt: skip
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/MariaDB.Concepts.UsersAndPrivileges.html: neither SUPER nor FILE among them.
_MASTER = (
    "ALTER, ALTER ROUTINE, CREATE, CREATE ROUTINE, CREATE TEMPORARY TABLES, CREATE USER, CREATE VIEW, DELETE, DROP, EVENT, EXECUTE, INDEX, "
    "INSERT, LOCK TABLES, PROCESS, REFERENCES, RELOAD, REPLICATION CLIENT, REPLICATION SLAVE, SELECT, SHOW DATABASES, SHOW VIEW, "
    "TRIGGER, UPDATE"
)
# An acknowledged commit is on the standby's disk before it counts here: https://mariadb.com/kb/en/semisynchronous-replication/
_WAITING = {
    "rpl_semi_sync_master_enabled": "ON", "rpl_semi_sync_master_wait_point": "AFTER_SYNC", "rpl_semi_sync_master_timeout": "3600000",
}  # fmt: skip


@cache
def programs() -> Mapping[str, Path]:
    """Raises NoServer."""
    found = {name: Path(path) for name, path in _PROGRAMS.items()}
    if not all(path.exists() for path in found.values()):
        raise NoServer(
            "a database is played by a real MariaDB, and there is none: install it "
            "(Debian: apt install mariadb-server-core mariadb-client-core mariadb-backup)"
        )
    return found


class Mariadb(Server):
    """Replicates by global transaction ids; a standby takes what its primary says before that answers anybody."""

    _process: subprocess.Popen[bytes] | None = None
    _settings: Mapping[str, str] = {}
    _asks: Asked | None = None  # about tokens of IAM
    _follow: tuple[str, str] | None = None  # once it runs: its primary's address, and from where on

    @staticmethod
    @cache
    def played_by() -> str:
        said = subprocess.run([programs()["mariadbd"], "--version"], capture_output=True, text=True, timeout=10, check=True)
        return f"MariaDB {said.stdout.split()[2].partition('-')[0]}"

    @property
    def certificates(self) -> Path:
        return self._folder

    def initialize(self, parameters: Mapping[str, str], *, tokens: Asked | None = None) -> None:
        """TLS is asked for by a parameter: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/mariadb-ssl-connections.require-ssl.html"""
        self._own(self._folder)
        if tokens is not None:
            self._asks = tokens
            plugin.build(self._folder)
        install = (
            "--no-defaults",
            f"--datadir={self._data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        )
        self._run(programs()["install"], *install)
        secure = parameters.get("require_secure_transport", "OFF").lower() in ("1", "on")
        self._configure({"require_secure_transport": "ON" if secure else "OFF"})

    def _configure(self, more: Mapping[str, str]) -> None:
        number = int(hashlib.sha256(self.name.encode()).hexdigest()[:7], 16) + 1
        settings = {
            "datadir": str(self._data), "port": str(self.port), "bind_address": "0.0.0.0", "socket": "socket",  # noqa: S104 - its own namespace
            "pid_file": "pid", "log_error": str(self._folder / "log"), "skip_name_resolve": "ON", "performance_schema": "OFF",
            "server_id": str(number), "log_bin": "binlog", "log_slave_updates": "ON", "binlog_format": "ROW", "gtid_strict_mode": "ON",
            "ssl_cert": str(self._folder / "server.crt"), "ssl_key": str(self._folder / "server.key"),
            "rpl_semi_sync_slave_enabled": "ON", "slave_net_timeout": "5",
            # The machine below survives whatever the lab does to a server: only its processes are ever lost.
            "innodb_flush_log_at_trx_commit": "2", "sync_binlog": "0", "innodb_doublewrite": "OFF", "innodb_log_file_size": "8M",
            "innodb_buffer_pool_size": "16M", "max_connections": "60", **(plugin.settings(self._folder) if self._asks else {}), **more,
        }  # fmt: skip
        (self._folder / "my.cnf").write_text("[mariadbd]\n" + "".join(f"{key}={value}\n" for key, value in settings.items()))
        self._settings = dict(more)

    def furnish(self, user: str, password: str, name: str) -> None:
        self.sql(
            f"CREATE USER '{_REPLICATION}'@'%' IDENTIFIED BY ''; GRANT REPLICATION SLAVE ON *.* TO '{_REPLICATION}'@'%';"
            + (f"CREATE DATABASE `{name}`;" if name else "")
            + f"CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'; GRANT {_MASTER} ON *.* TO '{user}'@'%' WITH GRANT OPTION;"
        )

    def clone(self, primary: Mariadb) -> None:
        """A copy of its files as they are at one moment, and from there on what it says."""
        self._own(self._folder)
        where = ("--host=127.0.0.1", f"--port={primary.port}", "--user=root", "--ssl", f"--target-dir={self._data}")
        # On the primary's host, for it reads the files and asks the server on its loopback.
        primary._run(programs()["backup"], f"--defaults-file={primary._folder / 'my.cnf'}", "--backup", *where)
        primary._run(programs()["backup"], "--prepare", f"--target-dir={self._data}")
        for name in ("server.crt", "server.key"):
            self._own(Path(shutil.copy(primary.certificates / name, self.certificates)))
        if primary._asks is not None:
            self._asks = primary._asks
            plugin.build(self._folder)
        self._configure(primary._settings)
        self._follow = primary.address, (self._data / "xtrabackup_binlog_info").read_text().split()[2]

    def start(self) -> None:
        argv = [*self._prefix, *as_nobody(), str(programs()["mariadbd"]), f"--defaults-file={self._folder / 'my.cnf'}"]
        with (self._folder / "mariadbd.out").open("wb") as out:
            self._process = subprocess.Popen(
                argv, env=plugin.environment(self._asks), stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/", start_new_session=True
            )
        self._until("it answers", lambda: self.sql("SELECT 1") == "1")
        if self._follow is not None:
            address, position = self._follow
            self._follow = None
            self.sql(
                f"SET GLOBAL read_only = ON; SET GLOBAL gtid_slave_pos = '{position}';"
                f"CHANGE MASTER TO MASTER_HOST = '{address}', MASTER_PORT = {self.port}, MASTER_USER = '{_REPLICATION}',"
                "MASTER_CONNECT_RETRY = 1, MASTER_USE_GTID = slave_pos, MASTER_SSL = 1, MASTER_SSL_VERIFY_SERVER_CERT = 0; START SLAVE;"
            )
            self._until("it follows", lambda: self._standing("Slave_IO_Running") == "Yes")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(LIMIT_S)
            self._process = None

    def restart(self) -> None:
        assert self._process is not None, "only what runs is restarted"
        self._process.terminate()
        self._process.wait(LIMIT_S)
        self.start()

    def promote(self) -> None:
        """Once it has done all that its primary had said: who was answered finds it here."""
        self.sql("STOP SLAVE IO_THREAD")
        self._until("it has done all that it heard", self._is_done)
        self.sql("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = OFF;")

    def _is_done(self) -> bool:
        """Its relay log is read to the end."""
        if self._standing("Gtid_IO_Pos") == self.sql("SELECT @@gtid_slave_pos"):
            return True
        return "has read all relay log" in self._standing("Slave_SQL_Running_State").lower()

    def wait_for_standby(self, *, on: bool) -> None:
        self._configure({key: value for key, value in self._settings.items() if key not in _WAITING} | (_WAITING if on else {}))
        if on:
            self.sql("".join(f"SET GLOBAL {key} = {_quoted(value)};" for key, value in reversed(_WAITING.items())))
        else:
            self.sql("SET GLOBAL rpl_semi_sync_master_enabled = OFF")

    def sql(self, text: str, *, headed: bool = False) -> str:
        """As its administrator, on its own loopback. headed: with the columns' names. Raises Failed."""
        where = ("--no-defaults", "--host=127.0.0.1", f"--port={self.port}", "--user=root", "--ssl", "--connect-timeout=5")
        how = ("--batch",) if headed else ("--batch", "--skip-column-names")
        return self._run(programs()["client"], *where, *how, typed=text, as_root=True)

    def _standing(self, field: str) -> str:
        said = self.sql("SHOW SLAVE STATUS\\G", headed=True)
        found = (line.partition(":")[2].strip() for line in said.splitlines() if line.strip().startswith(f"{field}:"))
        return next(found, "")

    def _until(self, what: str, true: Callable[[], bool]) -> None:
        """Raises Failed with the end of the server's log."""
        end = time.monotonic() + LIMIT_S
        while True:
            with contextlib.suppress(Failed):
                if true():
                    return
            if time.monotonic() > end or (self._process is not None and self._process.poll() is not None):
                said = "".join(path.read_text()[-600:] for path in (self._folder / "mariadbd.out", self._folder / "log") if path.exists())
                raise Failed(f"{self.name}: waited in vain until {what}: {said}")
            time.sleep(_LOOK_S)


def _quoted(value: str) -> str:
    return value if value.isdigit() or value in ("ON", "OFF") else f"'{value}'"
