"""The drain command: a program of the application's that lets it finish what it has begun, before it is asked to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from agent.probes.child import Child
from agent.probes.users import run_as
from core.model import Application


class Draining:
    """The draining of an application's runs, one after the other. trouble: what went wrong with the last one."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._task: asyncio.Task[None] | None = None
        self.trouble = ""

    @property
    def under_way(self) -> bool:
        return self._task is not None

    def begin(self, environment: Mapping[str, str], *, then: Callable[[], None]) -> None:
        """Returns at once; `then` is called whatever comes of the command, unless it is given up before."""
        self._task = asyncio.get_running_loop().create_task(self._drain(environment, then), name=f"drain of {self._application.name}")

    def give_up(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _drain(self, environment: Mapping[str, str], then: Callable[[], None]) -> None:
        self.trouble = await drain(self._application, environment)
        self._task = None
        then()


async def drain(application: Application, environment: Mapping[str, str]) -> str:
    """Run it to its end, for at most drain_timeout_s; "" when it went well, else why not. Its whole group is killed with it."""
    assert application.drain is not None, f"{application.name} has no drain command"
    directory = application.directory or "/"
    try:
        child = Child(application.drain, environment=environment, directory=directory, run_as=run_as(application.user))
    except (OSError, LookupError, ValueError) as error:
        return f"cannot be run: {error}"
    try:
        async with asyncio.timeout(application.drain_timeout_s):
            status = await child.ended
    except TimeoutError:
        return f"not done after {application.drain_timeout_s:g} s"
    finally:
        child.kill()
    if child.in_vain:
        return f"cannot be run: {child.first_line()}"
    return "" if status == 0 else f"ended with {status}: {child.first_line()}"
