"""Where the shipped functions meet the made-up world: boto3's clients, the clock, what they print, and two ways to try a port."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from agent import beat, cycle, database_watch, reporter, succession, watchers
from agent.keeping import on_volume
from core.attributes import plain_item, typed_item
from core.records import Look
from core.recovery.outlook import judge_look
from core.watching.register import heard, read_register
from lambdas import probe_nodes
from lambdas.adapters import asking, clients, clock, dns, emf, environment, fronts, instances, log, register, sweeping, table, wire
from simulation import loop
from simulation.schedule import task

if TYPE_CHECKING:
    from simulation.world import World

LOOK_TIMEOUT_S = asking.TIMEOUT_S
_world: World | None = None


def current() -> World:
    assert _world is not None, "no world is installed"
    return _world


class Client:
    """One of boto3's: its methods go to whichever world is there at the time."""

    def __init__(self, service: str, config: Any) -> None:
        self._service = service
        self._attempts = int((config.retries or {}).get("total_max_attempts", 1)) if config is not None else 1
        self._timeout_s = float(config.read_timeout) if config is not None else 60.0

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            return current().call(self._service, operation, arguments, attempts=self._attempts, timeout_s=self._timeout_s)

        self.__dict__[operation] = call
        return call


class Boto3:
    """Stands where the adapters have their module boto3."""

    @staticmethod
    def client(service: str, config: Any = None, **_: Any) -> Client:
        return Client(service, config)


_memories: list[dict[Any, Any]] = []


def _remembered(work: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same function; an item that was read already is not read again. Nobody changes one."""
    known: dict[int, tuple[Any, Any]] = {}
    _memories.append(known)

    def once(item: Any) -> Any:
        found = known.get(id(item))
        if found is None or found[0] is not item:
            if len(known) > 2000:
                known.clear()
            found = known[id(item)] = (item, work(item))
        return found[1]

    return once


def _read_once(work: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same function of what is JSON: two hundred assemblies take a tenth of a second to read, and each new process does it."""
    known: dict[str, Any] = {}
    _memories.append(known)

    def once(said: Any) -> Any:
        text = json.dumps(said, sort_keys=True)
        if text not in known:
            known[text] = work(said)
        return known[text]

    return once


def _spoken(operation: str, body: Mapping[str, Any]) -> Any:
    """What adapters.wire sends, by the client that this world has; a batch is so many puts."""
    client = clients.client("dynamodb")
    with clients.calling(f"{operation} the table"):
        if operation == "Query":
            return client.query(**body)
        assert operation == "BatchWriteItem", operation
        for name, requests in body["RequestItems"].items():
            for request in requests:
                client.put_item(TableName=name, Item=request["PutRequest"]["Item"])
        return {}


class _Here:
    """A pool of threads that has none: one thing after the other, where whoever asks is."""

    map = staticmethod(map)


def _looks(addresses: Iterable[asking.Address], *, now_ms: Callable[[], int]) -> list[Look]:
    return [_look(address, now_ms=now_ms) for address in addresses]


def _look(address: asking.Address, *, now_ms: Callable[[], int]) -> Look:
    """core.recovery.outlook's words for what the node at the address says; silence costs its whole timeout, once for all of a sweep."""
    world = current()
    answers = world.ask_node(address.host)
    caller = task()
    if answers is None:
        if caller is not None:
            caller.owes_s = LOOK_TIMEOUT_S
        said = f"no answer within {LOOK_TIMEOUT_S:g} s"
        answers = (said, said)
    look = Look(at_ms=now_ms(), verdict=judge_look(*answers), ha=answers[0], http=answers[1])
    world.watch.looked(address.host, look)
    return look


class _Archived:
    """A file of the functions' archive."""

    def __init__(self, name: str) -> None:
        self.name = name

    def read_text(self, encoding: str) -> str:
        return current().archive[self.name]


class _Process:
    """Of os, what a function finds in its environment: to ask the real one takes as long as all else of a read."""

    environ: Mapping[str, str] = {}


_before: list[tuple[Any, str, Any]] = []  # module, name, what stood there; None where nothing did


def _patch() -> None:
    """What is patched is I/O alone, and boto3's codec, for which the sweep's shipped one stands in; parsers are remembered."""
    if _before:
        return
    patches: tuple[tuple[Any, str, Any], ...] = (
        (clients, "boto3", Boto3),
        *((module, "asyncio", loop) for module in (beat, cycle, database_watch, on_volume, reporter, succession, watchers)),
        (on_volume, "Threads", loop.Threads),
        (cycle, "reap_orphans", lambda now_s: None),
        (succession, "living_runs", lambda instance: current().living_runs(instance)),
        (clock, "now_ms", lambda: current().now_ms()),
        (clock, "sleep", lambda seconds: current().sleep(seconds)),
        (log, "print", lambda text, **_: current().heard(text)),
        (environment, "FLEET_FILE", _Archived(environment.FLEET_FILE.name)),
        (emf, "print", lambda text, **_: current().heard(text)),
        (probe_nodes, "look_at_all", _looks),
        (wire, "call", _spoken),
        (sweeping, "_threads", _Here),
        *((sweeping, name, _remembered(getattr(sweeping, name))) for name in ("plain_item", "parse_report", "parse_looks")),
        (register, "read_register", _read_once(read_register)),
        (register, "heard", _read_once(heard)),
        (fronts, "accepts", lambda front: current().front_accepts(front.allocation_id)),
        (table, "plain_item", _remembered(plain_item)),
        (table, "_stored", typed_item),
        (instances, "_machine", _remembered(instances._machine)),
        *((module, "os", _Process) for module in (environment, register)),
        *(
            (table, name, _remembered(getattr(table, name)))
            for name in ("parse_report", "parse_looks", "parse_permit", "parse_incident", "parse_budget")
        ),
    )
    for module, name, value in patches:
        _before.append((module, name, vars(module).get(name)))
        setattr(module, name, value)
    clients.client.cache_clear()


def remove() -> None:
    """All as it was before the first world."""
    global _world
    _memories.clear()
    while _before:
        module, name, value = _before.pop()
        if value is None:
            delattr(module, name)
        else:
            setattr(module, name, value)
    _world = None
    _forget()
    clients.client.cache_clear()


def keep_register() -> Callable[[], None]:
    """What the register's module holds of one function's process, where several functions take turns in this one."""
    held = (register._read, register._read_ms, register._told)

    def back() -> None:
        register._read, register._read_ms, register._told = held

    return back


def install(world: World, variables: Mapping[str, str]) -> None:
    """Make it the world that the functions are in, each of them as a new process would begin."""
    global _world
    _patch()
    _world = world
    _forget()
    for known in _memories:
        known.clear()
    _Process.environ = variables


def _forget() -> None:
    for cached in (environment.fleet, environment.databases, environment._volumes, environment._fronts):
        cached.cache_clear()
    register.forget()
    dns._on_their_way.clear()
