"""Put everything of ours onto moto, and make the server that shows it."""

from __future__ import annotations

import logging
import socket
import threading
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import ThreadedWSGIServer

from lab.emulator import fixups
from lab.emulator.cloudformation import install as install_cloudformation
from lab.emulator.pipeline import Check, Control, Pipeline
from lab.world import World

log = logging.getLogger("lab.emulator")


def install(world: World) -> None:
    """Patch moto. Once per process: moto's state and classes are global."""
    fixups.install(world)
    install_cloudformation(world)


class _Handler(MotoRequestHandler):
    """Quiet, and tired of silent clients after a while."""

    timeout = 75
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:
        """No access log. Errors still go to the lab's log."""
        if type == "error":
            log.error(message, *args)


class _Server(ThreadedWSGIServer):
    """A thread per connection, but never more than connections_max."""

    slots: threading.BoundedSemaphore

    def process_request(self, request: Any, client_address: Any) -> None:
        self.slots.acquire()  # further callers wait in the listen queue
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.slots.release()


def make_server(
    world: World, listener: socket.socket, *, check: Check | None, control: Control | None, connections_max: int, idle_s: int
) -> ThreadedWSGIServer:
    """A server on a socket that listens already; serve_forever() starts it."""
    app = Pipeline(world, DomainDispatcherApplication(create_backend_app), check=check, control=control)
    _Handler.timeout = idle_s
    host, port = listener.getsockname()[:2]
    server = _Server(host, port, app, handler=_Handler, fd=listener.fileno())
    server.slots = threading.BoundedSemaphore(connections_max)
    server.lab_listener = listener  # type: ignore[attr-defined]  # keeps the descriptor open as long as the server lives
    return server
