"""Functions, run from the deployed archive by AWS's own runtime client in processes of their own."""

from __future__ import annotations

import atexit
import threading

from lab.functions.engine import Denied, FunctionEngine
from lab.functions.patches import patch
from lab.world import World

__all__ = ["Denied", "FunctionEngine", "install", "start", "stop"]

_TIDY_S = 30.0


def install(world: World) -> None:
    engine = FunctionEngine(world)
    world.functions = engine
    patch(engine)
    atexit.register(engine.close)


def start(world: World) -> None:
    engine = world.functions
    assert isinstance(engine, FunctionEngine)

    def tidy() -> None:
        wait = threading.Event()
        while not engine.pool.closed:
            wait.wait(_TIDY_S)
            engine.pool.tidy()

    threading.Thread(target=tidy, daemon=True, name="functions-tidy").start()


def stop(world: World) -> None:
    """End every process of every function."""
    assert isinstance(world.functions, FunctionEngine)
    world.functions.close()
