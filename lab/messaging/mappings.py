"""All event source mappings: a poller for each that exists, gone when it is deleted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException

from lab.functions.guard import guarded
from lab.messaging.queue_mapping import QueueMapping
from lab.messaging.send import backend
from lab.messaging.stream_mapping import StreamMapping
from lab.messaging.streams import Reader
from lab.policy import allowed
from lab.world import World

_LOOK_S = 0.2
_RECHECK_S = 5.0
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html, .../services-dynamodb-eventsourcemapping.html
_NEEDS = {
    "sqs": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    "dynamodb": ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
}


class Mappings:
    """Looks for new and deleted mappings a few times a second."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stop = threading.Event()
        self._pollers: dict[str, QueueMapping | StreamMapping] = {}

    def start(self) -> None:
        threading.Thread(target=self._loop, daemon=True, name="mappings").start()

    def close(self) -> None:
        self._stop.set()
        for poller in self._pollers.values():
            poller.close()

    def polled(self) -> frozenset[str]:
        return frozenset(self._pollers)

    def _loop(self) -> None:
        while not self._stop.wait(_LOOK_S):
            guarded(self._world, "mappings", self._look)

    def _look(self) -> None:
        mappings: dict[str, Any] = dict(backend("lambda")._event_source_mappings)
        for uuid in set(self._pollers) - set(mappings):
            self._pollers.pop(uuid).close()
        for uuid in set(mappings) - set(self._pollers):
            poller = self._make(mappings[uuid])
            self._pollers[uuid] = poller
            poller.start()

    def _make(self, esm: Any) -> QueueMapping | StreamMapping:
        may = self._permission(esm)
        if esm.event_source_arn.split(":")[2] == "sqs":
            return QueueMapping(self._world, esm, may)
        return StreamMapping(self._world, esm, may, Reader(esm.event_source_arn, esm.starting_position))

    def _permission(self, esm: Any) -> Callable[[], bool]:
        """Whether the function's role may read the source, looked up again every few seconds; a denial is said once."""
        state: dict[str, Any] = {"at": 0.0, "may": False, "said": None}

        def may() -> bool:
            if time.monotonic() - state["at"] > _RECHECK_S or not state["at"]:
                state["at"] = time.monotonic()
                state["may"] = self._may_read(esm, state)
            return bool(state["may"])

        return may

    def _may_read(self, esm: Any, state: dict[str, Any]) -> bool:
        try:
            role = backend("lambda").get_function(esm.function_arn).role
        except UnknownFunctionException:
            return False
        service = esm.event_source_arn.split(":")[2]
        for action in _NEEDS[service]:
            ruling = allowed(self._world, role, action, esm.event_source_arn)
            if not ruling.allowed:
                text = f"{role} may not {action} on {esm.event_source_arn}: {ruling.why}"
                if state["said"] != text:
                    state["said"] = text
                    self._world.journal.say("mappings", text, function=esm.function_arn)
                return False
        return True
