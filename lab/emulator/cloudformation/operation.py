"""A stack's work in a thread of its own: the call that began it returns when all is done, or when signals are waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable

_this = threading.local()


def carry_on(act: Callable[[], None]) -> None:
    """Do the work; come back when it has ended or waits. Raises what it raised before that; later it fails its thread, and is logged.

    AWS's calls return at once; what needs no waiting is done here by then, so that nobody has to ask for it.
    """
    told, errors = threading.Event(), list[BaseException]()

    def work() -> None:
        _this.waits = told
        try:
            act()
        except BaseException as error:
            if told.is_set():
                raise
            errors.append(error)
        finally:
            told.set()

    threading.Thread(target=work, daemon=True, name="stack").start()
    told.wait()
    if errors:
        raise errors[0]


def now_waits() -> None:
    """Let the call that began this thread's work return."""
    told: threading.Event | None = getattr(_this, "waits", None)
    if told is not None:
        told.set()
