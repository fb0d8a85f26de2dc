"""SQS: moto's queues, made safe between threads, without its in-process delivery, on the lab's clock.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

import moto.sqs.models as sqs_models
from moto.core.utils import unix_time_millis

from lab import tracing
from lab.patching import original_of, replace
from lab.world import World

_LOCKS: weakref.WeakKeyDictionary[Any, threading.RLock] = weakref.WeakKeyDictionary()
_LOCKS_LOCK = threading.Lock()
_DELETED_MAX = 1000  # receipt handles kept so that deleting twice is no error
_POLL_S = 0.05
TRACE_HEADER = "AWSTraceHeader"  # https://docs.aws.amazon.com/xray/latest/devguide/xray-services-sqs.html


def lock_of(queue: Any) -> threading.RLock:
    with _LOCKS_LOCK:
        return _LOCKS.setdefault(queue, threading.RLock())


def entered_at(message: Any) -> float:
    """When a message of moto's came into the queue it is in, in Unix seconds."""
    return float(message.lab_entered)


def patch(world: World) -> None:
    """Patch points, each with a contract test: Queue.add_message, Queue.delete_message, SQSBackend.receive_message,
    Message.change_visibility, Message.delay."""
    add = original_of(sqs_models.Queue, "add_message")
    delete = original_of(sqs_models.Queue, "delete_message")
    receive = original_of(sqs_models.SQSBackend, "receive_message")

    def add_message(self: Any, message: Any) -> None:
        """Only add: mappings poll, as on AWS. The request's tracing header stays with the message, unless it has one of its own."""
        message.lab_entered = world.clock.now()  # also when it is moved here from another queue
        if tracing.current():
            message.system_attributes.setdefault(TRACE_HEADER, {"StringValue": tracing.current(), "DataType": "String"})
        with lock_of(self):
            mappings, self.lambda_event_source_mappings = self.lambda_event_source_mappings, {}
            try:
                add(self, message)
            finally:
                self.lambda_event_source_mappings = mappings

    def delete_message(self: Any, receipt_handle: str) -> None:
        """moto replaces the list of messages, so one that is added meanwhile would be lost."""
        with lock_of(self):
            delete(self, receipt_handle)
            if len(self.deleted_messages) > _DELETED_MAX:
                self.deleted_messages.clear()

    def receive_message(self: Any, queue_name: str, count: int, wait_seconds_timeout: int, *rest: Any, **more: Any) -> list[Any]:
        """Two receivers must not get one message at once; and a long poll must not hold the lock."""
        queue = self.get_queue(queue_name)
        end = unix_time_millis() + 1000 * world.clock.real(float(wait_seconds_timeout or 0))
        while True:
            with lock_of(queue):
                found: list[Any] = receive(self, queue_name, count, 0, *rest, **more)
            if found or unix_time_millis() >= end:
                return found
            threading.Event().wait(_POLL_S)

    def change_visibility(self: Any, visibility_timeout: int) -> None:
        self.visible_at = unix_time_millis() + 1000 * world.clock.real(int(visibility_timeout))

    def delay(self: Any, delay_seconds: int) -> None:
        self.delayed_until = unix_time_millis() + 1000 * world.clock.real(int(delay_seconds))

    replace(sqs_models.Queue, "add_message", add_message)
    replace(sqs_models.Queue, "delete_message", delete_message)
    replace(sqs_models.SQSBackend, "receive_message", receive_message)
    replace(sqs_models.Message, "change_visibility", change_visibility)
    replace(sqs_models.Message, "delay", delay)
