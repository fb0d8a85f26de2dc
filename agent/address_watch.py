"""Adapter: looks up the host names that applications depend on, and runs a command when an address has changed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence

from agent.log import Log, Once
from agent.runs.launch import protected_from_oom, unprotect

Addresses = tuple[str, ...]  # IPv4, sorted, each once
Resolve = Callable[[str], Addresses]

LOOK_EVERY_S = 15.0  # a failover of a managed database changes its name's address within a minute or two
LOOK_UP_S = 10.0  # resolv.conf(5): two attempts of 5 s at the first server
COMMAND_S = 60.0
REST_S = 1.0  # after its exit, for somebody who still holds its output open
LINE_BYTES_MAX = 400
# What a command finds beside this: where programs are. Nothing of the agent's own environment is handed on.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class NoAddress(Exception):
    """It could not be found out; says why. That is not a change."""


def resolve(name: str) -> Addresses:
    """By the machine's own resolver, hosts file included. Raises NoAddress. May block for as long as the resolver likes."""
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NoAddress(str(error)) from error
    return tuple(sorted({str(item[4][0]) for item in found}))


class Lookup:
    """Looks up one name at a time in a thread of its own: a resolver that hangs costs that thread and nothing else.

    The thread is a daemon, so that it does not hold the agent when it leaves, and while it hangs no other is started.
    """

    def __init__(self, name: str, resolve: Resolve) -> None:
        self.name, self._resolve = name, resolve
        self._answer: asyncio.Future[Addresses] | None = None

    async def ask(self, within_s: float) -> Addresses:
        """Raises NoAddress, also when there is no answer in time; the next call then waits for that same answer."""
        if self._answer is None:
            self._answer = asyncio.get_running_loop().create_future()
            threading.Thread(target=self._run, args=(self._answer,), name=f"look up {self.name}", daemon=True).start()
        try:
            found = await asyncio.wait_for(asyncio.shield(self._answer), within_s)
        except TimeoutError as error:
            raise NoAddress(f"no answer from the resolver in {within_s:g} s") from error
        except NoAddress:
            self._answer = None
            raise
        self._answer = None
        return found

    def _run(self, answer: asyncio.Future[Addresses]) -> None:
        found: Addresses | NoAddress
        try:
            found = self._resolve(self.name)
        except NoAddress as error:
            found = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits any more
            answer.get_loop().call_soon_threadsafe(_deliver, answer, found)


def _deliver(answer: asyncio.Future[Addresses], found: Addresses | NoAddress) -> None:
    if answer.done():
        return
    if isinstance(found, NoAddress):
        answer.set_exception(found)
        answer.exception()  # heard, even if nobody asks again
    else:
        answer.set_result(found)


async def watch_addresses(
    host_names: Sequence[str],
    command: Sequence[str] | None,
    *,
    log: Log,
    resolve: Resolve = resolve,
    every_s: float = LOOK_EVERY_S,
    look_up_s: float = LOOK_UP_S,
    command_s: float = COMMAND_S,
) -> None:
    """Look the names up again and again; say each change and run the command for it. Never returns.

    The first answer after the start is what later ones are compared with. A name that cannot be looked up has not
    changed: it is said once, and its last address is kept.
    """
    lookups = [Lookup(name, resolve) for name in host_names]
    troubles = {name: Once(log, f"address-of-{name}") for name in host_names}
    known: dict[str, Addresses] = {}
    while True:
        answers = await asyncio.gather(*(lookup.ask(look_up_s) for lookup in lookups), return_exceptions=True)
        for lookup, found in zip(lookups, answers, strict=True):
            if isinstance(found, NoAddress):
                troubles[lookup.name].trouble(found)
                continue
            if isinstance(found, BaseException):
                raise found
            troubles[lookup.name].well()
            before = known.get(lookup.name)
            known[lookup.name] = found
            if before is not None and before != found:
                log.say("address-changed", name=lookup.name, old=list(before), new=list(found))
                if command is not None:
                    await run_hook(command, lookup.name, before, found, log=log, within_s=command_s)
        await asyncio.sleep(every_s)


async def run_hook(command: Sequence[str], name: str, old: Addresses, new: Addresses, *, log: Log, within_s: float) -> None:
    """Run it with the change in its environment, log its first line and how it ended. Whatever is left of its group is killed."""
    environment = {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "UNDERSTUDY_CHANGED_NAME": name,
        "UNDERSTUDY_OLD_ADDRESSES": " ".join(old),
        "UNDERSTUDY_NEW_ADDRESSES": " ".join(new),
    }
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            cwd="/",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        log.say("address-hook", name=name, how=f"could not be started: {error}")
        return
    if protected_from_oom():
        with contextlib.suppress(OSError):  # it has ended already
            unprotect(process.pid)
    first = bytearray()
    reading = asyncio.create_task(_first_line(process.stdout, first))
    how = f"killed after {within_s:g} s"
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                how = _ended(await process.wait())
                await asyncio.wait({reading}, timeout=REST_S)  # what is left in the pipe
    finally:
        reading.cancel()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(reading, return_exceptions=True)
        await process.wait()
    log.say("address-hook", name=name, how=how, said=bytes(first).decode(errors="replace"))


async def _first_line(stream: asyncio.StreamReader | None, first: bytearray) -> None:
    """Keep the first line, cut; read on, so that nobody waits for room in the pipe."""
    assert stream is not None
    whole = False
    while chunk := await stream.read(4096):
        if not whole:
            line, end, _ = chunk.partition(b"\n")
            first += line[: LINE_BYTES_MAX - len(first)]
            whole = bool(end) or len(first) >= LINE_BYTES_MAX


def _ended(status: int) -> str:
    return f"exit status {status}" if status >= 0 else f"ended by signal {-status}"
