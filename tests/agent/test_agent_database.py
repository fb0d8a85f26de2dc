"""The files that tell an application how its database is reached: for its user alone, whole at any moment, and never stale for long."""

from __future__ import annotations

import asyncio
import io
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from agent import database as agent_database
from agent.database import DatabaseFiles, write_files
from agent.log import Log
from agent.ports import Refused, Unreachable
from core.application import Application, Run
from core.database import BadSecret, Credentials, Database, Engine, Whereabouts

DATABASE = Database(engine=Engine.POSTGRES, version="16.13", instance="db.t4g.medium")
AT = Whereabouts(host="db.example", port=5432, secret="arn:x")
APP = Application(name="app", run=Run(exec=("/bin/true",)))
OTHER = Application(name="other", run=Run(exec=("/bin/true",)))


class FakePasswords:
    def __init__(self, *passwords: str) -> None:
        self.password = passwords[0] if passwords else ""
        self.trouble: Exception | None = None
        self.asked = 0

    def credentials(self) -> Credentials:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        return Credentials(user="understudy", password=self.password)


def files_in(folder: Path, passwords: FakePasswords, log: Log | None = None) -> DatabaseFiles:
    return DatabaseFiles(DATABASE, AT, (APP, OTHER), passwords=passwords, folder=folder, log=log or Log(io.StringIO()))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.005)


def told(folder: Path, name: str = "app") -> str:
    return str(json.loads((folder / name / "database.json").read_text())["password"])


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_database, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(agent_database, "AGAIN_S", 0.01)


def test_each_application_has_its_own_files_readable_by_its_user_alone(tmp_path: Path) -> None:
    async def play() -> None:
        files = files_in(tmp_path, FakePasswords("one"))
        assert not files.ready.is_set()
        keeping = asyncio.create_task(files.keep())
        await until(files.ready.is_set)
        keeping.cancel()

    asyncio.run(play())

    for name in ("app", "other"):
        for file in ("database.json", "pgpass"):
            assert stat.S_IMODE((tmp_path / name / file).stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / "app").iterdir()) == ["database.json", "pgpass"]


def test_a_password_that_was_changed_is_in_the_files_at_the_next_look_and_nothing_is_written_before(tmp_path: Path) -> None:
    async def play() -> None:
        passwords = FakePasswords("one")
        keeping = asyncio.create_task(files_in(tmp_path, passwords).keep())
        await until(lambda: passwords.asked > 2)
        first = (tmp_path / "app" / "database.json").stat().st_ino
        asked = passwords.asked
        await until(lambda: passwords.asked > asked + 2)
        assert (tmp_path / "app" / "database.json").stat().st_ino == first
        passwords.password = "two"
        await until(lambda: told(tmp_path) == told(tmp_path, "other") == "two")
        keeping.cancel()

    asyncio.run(play())


@pytest.mark.parametrize("trouble", [Unreachable("no answer"), Refused("not allowed"), BadSecret("no object")])
def test_trouble_is_said_once_keeps_the_old_files_and_lets_nothing_start_before_the_first(trouble: Exception, tmp_path: Path) -> None:
    log = Log(io.StringIO())

    async def play() -> None:
        passwords = FakePasswords("one")
        passwords.trouble = trouble
        files = files_in(tmp_path, passwords, log)
        keeping = asyncio.create_task(files.keep())
        await until(lambda: passwords.asked > 3)
        assert not files.ready.is_set()
        passwords.trouble = None
        await until(files.ready.is_set)
        passwords.trouble = trouble
        await until(lambda asked=passwords.asked: passwords.asked > asked + 3)  # type: ignore[misc]
        assert told(tmp_path) == "one"
        keeping.cancel()

    asyncio.run(play())

    assert [line.count(b"database-trouble") for line in log.tail().splitlines()].count(1) == 2


def test_an_agent_that_comes_back_finds_the_files_of_the_former_one_and_need_not_wait(tmp_path: Path) -> None:
    async def play(passwords: FakePasswords) -> bool:
        files = files_in(tmp_path, passwords)
        ready = files.ready.is_set()
        keeping = asyncio.create_task(files.keep())
        await until(lambda: passwords.asked > 0)
        keeping.cancel()
        return ready

    assert [asyncio.run(play(FakePasswords("one"))), asyncio.run(play(FakePasswords("one")))] == [False, True]


def test_a_half_written_file_of_an_agent_that_was_killed_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "pgpass.new").write_text("half")

    write_files(tmp_path / "app", {"pgpass": "whole"}, user=None)

    assert {path.name: path.read_text() for path in (tmp_path / "app").iterdir()} == {"pgpass": "whole"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_files_are_the_users_that_the_application_runs_as(tmp_path: Path) -> None:
    import pwd

    write_files(tmp_path / "app", {"pgpass": "x"}, user="nobody")

    found = (tmp_path / "app" / "pgpass").stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (pwd.getpwnam("nobody").pw_uid, 0o600)


def test_no_such_user_is_trouble_and_no_file_for_anybody_else(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no such user"):
        write_files(tmp_path / "app", {"pgpass": "x"}, user="nobody-of-that-name")

    assert not list((tmp_path / "app").iterdir())


def test_what_applications_are_told_in_their_environment_has_no_password(tmp_path: Path) -> None:
    async def play() -> dict[str, str]:
        return dict(files_in(tmp_path, FakePasswords("geheim")).environment(APP))

    environment = asyncio.run(play())

    assert environment["UNDERSTUDY_DATABASE_FILE"] == str(tmp_path / "app" / "database.json")
    assert "geheim" not in str(environment)
