"""Events, schedules, queues, streams and topics: who wakes whom, and how late."""

from __future__ import annotations

import json
import warnings
from typing import Any

import moto.events.models as event_models

from lab.messaging import queues, streams
from lab.messaging.bus import Bus, make_event
from lab.messaging.mappings import Mappings
from lab.messaging.scheduler import Scheduler
from lab.messaging.topics import TopicEngine
from lab.patching import original_of, replace
from lab.world import World

__all__ = ["install", "polled", "start", "stop"]

_parts: dict[int, tuple[Scheduler, Mappings]] = {}


def install(world: World) -> None:
    bus = Bus(world)
    topics = TopicEngine(world)
    world.events, world.topics = bus, topics
    queues.patch(world)
    streams.patch()
    topics.patch()
    _patch_put_events(bus)
    _parts[id(world)] = (Scheduler(world, bus), Mappings(world))


def start(world: World) -> None:
    for part in _parts[id(world)]:
        part.start()


def stop(world: World) -> None:
    for part in _parts.pop(id(world), ()):
        part.close()
    for engine in (world.events, world.topics):
        assert isinstance(engine, (Bus, TopicEngine))
        engine.close()


def polled(world: World) -> frozenset[str]:
    """UUIDs of the event source mappings that are being read. Raises KeyError when install() did not come first."""
    return _parts[id(world)][1].polled()


def _patch_put_events(bus: Bus) -> None:
    """Patch points with contract tests: EventsBackend.put_events, and Rule.send_to_targets that moto calls for each rule."""
    original = original_of(event_models.EventsBackend, "put_events")

    def put_events(self: Any, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            entries: list[dict[str, Any]] = original(self, events)
        for event, entry in zip(events, entries, strict=True):
            if "EventId" in entry:
                made = make_event(event["Source"], event["DetailType"], json.loads(event["Detail"]), event.get("Resources"))
                name = str(event.get("EventBusName") or "default").rsplit("/", 1)[-1]
                bus.put({**made, "id": entry["EventId"]}, bus=name)
        return entries

    def send_to_targets(*_arguments: Any, **_more: Any) -> None:
        """The bus delivers."""

    replace(event_models.EventsBackend, "put_events", put_events)
    replace(event_models.Rule, "send_to_targets", send_to_targets)
