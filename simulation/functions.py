"""Lambda: calls of the shipped handlers as tasks, with their time limits, retries and deaths; queues and the table's stream into them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core import names
from lambdas.adapters import register
from simulation.schedule import Task, task
from simulation.table import Item

if TYPE_CHECKING:
    from simulation.world import World

RETRY_WAITS_S = (60.0, 120.0)  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html


@dataclass(frozen=True, slots=True)
class Function:
    """handler: looked up at each call. retries, age_s, timeout_s: as in stacks.handlers."""

    handler: Callable[[], Callable[[Any, Any], Any]]
    timeout_s: float
    retries: int
    age_s: float


@dataclass(frozen=True, slots=True)
class Queue:
    """tries: how often a message is received before it goes to the dead letters; visibility_s: until it is received again."""

    function: str
    visibility_s: float
    tries: int


@dataclass(slots=True)
class Context:
    world: World
    function_name: str
    aws_request_id: str
    ends_ms: int
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:f"

    def get_remaining_time_in_millis(self) -> int:
        return self.ends_ms - self.world.schedule.now_ms


@dataclass
class Functions:
    world: World
    all: dict[str, Function] = field(default_factory=dict)
    queues: dict[str, Queue] = field(default_factory=dict)
    down: bool = False  # nothing is called: events wait, and grow too old
    dead_letters: list[Any] = field(default_factory=list)
    _requests: int = 0

    def new_request(self) -> str:
        self._requests += 1
        return f"r-{self._requests}"

    # --- calls --------------------------------------------------------------------------------------------------------

    def start(self, name: str, event: Any, request: str, done: Callable[[Any, BaseException | None], None], who: str) -> Task:
        world, function = self.world, self.all[name]
        context = Context(world, name, request, world.schedule.now_ms + int(function.timeout_s * 1000))
        running = Task(
            world.schedule,
            name,
            lambda: function.handler()(event, context),
            lambda answer, error: self._over(name, request, answer, error, done),
        )
        running.skew_ms = world.skew()
        world.say(name, f"called by {who}", request=request)
        if world.schedule.keep is not None:
            register.forget()  # as a new process begins
        world.schedule.at(context.ends_ms, lambda: running.cut_off("timed out"))
        running.begin()
        return running

    def _over(
        self, name: str, request: str, answer: Any, error: BaseException | None, done: Callable[[Any, BaseException | None], None]
    ) -> None:
        if error is not None:
            self.world.say(name, f"failed: {type(error).__name__}: {error}", request=request)
            if isinstance(error, AssertionError | KeyError | TypeError | AttributeError):
                self.world.watch.broken(f"{name} has a bug: {type(error).__name__}: {error}", error)
        done(answer, error)

    def wake(self, name: str, event: Any, who: str, *, request: str = "", tries: int = 0, born_ms: int = 0) -> None:
        """An asynchronous call, now."""
        function, schedule = self.all[name], self.world.schedule
        born_ms, request = born_ms or schedule.now_ms, request or self.new_request()
        if schedule.now_ms - born_ms > function.age_s * 1000:
            self.dead_letters.append((name, who))
            return
        if self.down:
            schedule.later(10.0, lambda: self.wake(name, event, who, request=request, tries=tries, born_ms=born_ms))
            return

        def done(_: Any, error: BaseException | None) -> None:
            if error is None:
                return
            if tries >= function.retries:
                self.dead_letters.append((name, who))
                return
            again = lambda: self.wake(name, event, who, request=request, tries=tries + 1, born_ms=born_ms)  # noqa: E731 - a def takes four lines
            schedule.later(RETRY_WAITS_S[tries], again)

        self.start(name, event, request, done, who)

    def receive(self, queue: str, body: str, number: int, received: int = 1) -> None:
        """A message of a queue, handed to its function; a failed one comes back."""
        where, schedule = self.queues[queue], self.world.schedule
        if self.down:
            schedule.later(5.0, lambda: self.receive(queue, body, number, received))
            return
        record = {
            "messageId": f"m-{number}",
            "body": body,
            "eventSource": "aws:sqs",
            "attributes": {"ApproximateReceiveCount": str(received)},
        }

        def done(answer: Any, error: BaseException | None) -> None:
            if error is None and not (answer or {}).get("batchItemFailures"):
                return
            if received >= where.tries:
                self.dead_letters.append((where.function, queue))
                return
            schedule.later(where.visibility_s, lambda: self.receive(queue, body, number, received + 1))

        self.start(where.function, {"Records": [record]}, self.new_request(), done, queue)

    def stream(self, item: Item, tries: int = 0) -> None:
        """A request of a node, which the stream's filter lets through."""
        if self.down:
            self.world.schedule.later(5.0, lambda: self.stream(item, tries))
            return
        change = {"Keys": {k: item[k] for k in (names.PK, names.SK)}, "NewImage": item, "SequenceNumber": str(self.world.schedule.now_ms)}
        event = {"Records": [{"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": change}]}

        def done(answer: Any, error: BaseException | None) -> None:
            if (error is not None or (answer or {}).get("batchItemFailures")) and tries < 3:
                self.world.schedule.later(1.0, lambda: self.stream(item, tries + 1))

        self.start("recover_assembly", event, self.new_request(), done, "stream")

    # --- the API ------------------------------------------------------------------------------------------------------

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> Item:
        event = json.loads(Payload)
        caller = task()
        if InvocationType == "Event":
            who = caller.name if caller else "somebody"
            self.world.schedule.later(self.world.machines.pace.event / 5, lambda: self.wake(FunctionName, event, who))
            return {"StatusCode": 202}
        assert caller is not None, "only a function asks another"
        answer, error = caller.wait(lambda give: self._ask(FunctionName, event, caller.name, give))
        if error is not None:
            body = json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)})
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(body.encode())}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def _ask(self, name: str, event: Any, who: str, give: Callable[[Any], None]) -> None:
        if self.down:
            give((None, RuntimeError("Lambda is down")))
            return

        def start() -> None:
            self.start(name, event, self.new_request(), lambda answer, error: give((answer, error)), who)

        self.world.schedule.at(self.world.schedule.now_ms, start)
