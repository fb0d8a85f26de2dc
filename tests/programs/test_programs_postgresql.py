"""PostgreSQL: each of its processes leaves the session and writes over its environment, and refuses to start beside one that is left."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.application import Application, Probe, Run
from tests.agent.test_agent_end_to_end import Cloud, cloud, eventually
from tests.agent.worlds import free_port
from tests.programs.nodes import Node, is_alive, needed, node, open_folder

__all__ = ["cloud"]  # a fixture

USER = "postgres"


class Cluster:
    """A fresh one, of the user that PostgreSQL demands: anybody but root."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.folder, self.port = binaries(), folder / "data", free_port()
        self.user = USER if os.geteuid() == 0 else None
        if self.user is not None:
            try:
                pwd.getpwnam(USER)
            except KeyError:
                pytest.skip(f"there is no user {USER} (Debian package postgresql-common)")
            shutil.chown(folder, USER, USER)
        command = [self.bin / "initdb", "--pgdata", self.folder, "--auth", "trust", "--username", USER, "--no-sync"]
        subprocess.run(command, user=self.user, check=True, stdout=subprocess.DEVNULL, timeout=60)
        self.connection = ["psql", "--no-psqlrc", "-X", "-At", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", "postgres", "-c"]

    def application(self) -> Application:
        """Its drain is PostgreSQL's fast shutdown: asked by SIGTERM it would wait for its clients to leave."""
        run = (str(self.bin / "postgres"), "-D", str(self.folder), "-h", "127.0.0.1", "-p", str(self.port), "-k", "")
        return Application(
            name="db",
            run=Run(exec=run),
            user=self.user,
            probes=(Probe(command=(*self.connection, "SELECT 1"), every_s=0.5, timeout_s=0.5),),
            drain=(str(self.bin / "pg_ctl"), "stop", "-D", str(self.folder), "-m", "fast"),
            stop_timeout_s=1.5,
        )

    def ask(self, sql: str) -> str:
        return subprocess.run([*self.connection, sql], check=True, capture_output=True, text=True, timeout=20).stdout.strip()

    def processes(self) -> list[int]:
        """Those whose folder is the cluster's: all of its own, and no others."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(path / "cwd") == str(self.folder) and is_alive(int(path.name)):
                    found.append(int(path.name))
            except OSError:
                continue
        return found


def binaries() -> Path:
    """Of the newest installed; Debian keeps them out of the path."""
    needed("psql", "postgresql-client")
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parents[1].name))
    return versions[-1].parent if versions else Path(needed("postgres", "postgresql")).resolve().parent


@contextlib.contextmanager
def busy(cluster: Cluster) -> Iterator[None]:
    """A client in the middle of something, so that a backend works for it."""
    client = subprocess.Popen([*cluster.connection, "SELECT pg_sleep(600)"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually("a backend", lambda: cluster.ask("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1")
        yield
    finally:
        client.kill()
        client.wait()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with open_folder() as folder:
        made = Cluster(folder)
        yield made
        for pid in made.processes():  # of a test that failed
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.heavy
def test_postgresql_is_killed_hung_and_recovered_with_its_data(cloud: Cloud, cluster: Cluster, tmp_path: Path) -> None:
    with node(cloud, cluster.application(), tmp_path, port=cluster.port) as running:
        assert cluster.ask("SELECT 1") == "1"
        cluster.ask("CREATE TABLE kept (what text)")
        cluster.ask("INSERT INTO kept VALUES ('before it was killed')")
        first = cluster.processes()
        with busy(cluster):
            killed = running.status()["pid"]
            assert running.kill() != killed
        assert not set(first) & set(cluster.processes()), "a backend that is left holds the shared memory: the next would refuse to start"
        assert cluster.ask("SELECT what FROM kept") == "before it was killed"

        cluster.ask("INSERT INTO kept VALUES ('before it hung')")
        with busy(cluster):
            running.hang(cluster.processes)
        assert cluster.ask("SELECT count(*) FROM kept") == "2"
        assert (cluster.folder / "postmaster.pid").read_text().split()[0] == str(running.status()["pid"])

        taken_offline(running, cluster)


def taken_offline(running: Node, cluster: Cluster) -> None:
    """A client that stays connected does not hold it up, and it shuts down cleanly."""
    with busy(cluster):
        running.take_offline()
    assert cluster.processes() == []
    assert not (cluster.folder / "postmaster.pid").exists()
    control = subprocess.run([cluster.bin / "pg_controldata", cluster.folder], check=True, capture_output=True, text=True, timeout=20)
    assert "shut down" in next(line for line in control.stdout.splitlines() if "cluster state" in line)
