"""Keeps, for each application, the files that say how the database is reached: for its user alone, in memory, never older than a minute."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.log import Log, Once
from agent.ports import Passwords, Refused, Unreachable
from agent.runs.launch import account
from core import database as told
from core.application import Application
from core.database import BadSecret, Credentials, Database, Whereabouts

# RDS changes the password of a managed secret on its own schedule, every seven days unless told otherwise, and the old one is good for
# no new connection then: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html. A look costs $0.000005.
LOOK_EVERY_S = 60.0
AGAIN_S = 1.0  # until the first one is had, nothing starts
AGAIN_S_MAX = 10.0  # each time twice as long: what is refused for hours is asked for six times a minute
BUNDLED_CA = Path(__file__).resolve().with_name("rds-global-bundle.pem")
_NEW = ".new"


class DatabaseFiles:
    """ready: set once every application has its files; what a former life wrote counts, for it was of this boot."""

    def __init__(
        self,
        database: Database,
        at: Whereabouts,
        applications: Sequence[Application],
        *,
        passwords: Passwords,
        folder: Path,
        ca: Path = BUNDLED_CA,
        log: Log,
    ) -> None:
        """folder: in memory (tmpfs), of ours alone; each application gets one in it."""
        self.engine, self.at = database.engine, at
        self._database, self._at, self._applications = database, at, applications
        self._passwords, self._folder, self._ca, self._log = passwords, folder, str(ca), log
        self._last: Credentials | None = None
        self.ready = asyncio.Event()
        if all((folder / application.name / told.SETTINGS_FILE).is_file() for application in applications):
            self.ready.set()

    def environment(self, application: Application) -> Mapping[str, str]:
        return told.environment(self._database, self._at, folder=str(self._folder / application.name), ca=self._ca)

    async def keep(self) -> None:
        """Write the files, and again whenever the password is another. Trouble is said once; the old files stay. Never returns."""
        trouble, again_s = Once(self._log, "database"), AGAIN_S
        while True:
            try:
                await asyncio.to_thread(self._refresh)
            except (Unreachable, Refused, BadSecret, OSError) as error:
                trouble.trouble(error)
                await asyncio.sleep(again_s)
                again_s = min(2 * again_s, AGAIN_S_MAX)
            else:
                trouble.well()
                again_s = AGAIN_S
                self.ready.set()
                await asyncio.sleep(LOOK_EVERY_S)

    def _refresh(self) -> None:
        found = self._passwords.credentials()
        if found == self._last:
            return
        for application in self._applications:
            write_files(
                self._folder / application.name,
                told.files(self._database, self._at, found, ca=self._ca),
                user=application.user,
            )
        self._last = found
        self._log.say("database-files", user=found.user, host=self._at.host, port=self._at.port)


def write_files(folder: Path, contents: Mapping[str, str], *, user: str | None) -> None:
    """Each is there as a whole, readable and writable by that user alone, or as it was before. Raises OSError."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    who = account(user)
    for name, content in contents.items():
        temporary = folder / (name + _NEW)
        temporary.unlink(missing_ok=True)  # of an agent that was killed while it wrote
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            if who is not None:
                os.fchown(file.fileno(), who.pw_uid, who.pw_gid)
            file.write(content)
        temporary.rename(folder / name)
