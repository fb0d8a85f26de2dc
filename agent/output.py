"""Where an application's standard output and error go: the agent's own, or a file that it writes itself."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from core.application import Output

FILE_MODE = 0o640


@contextmanager
def opened(output: Output) -> Iterator[tuple[int | None, tuple[str, ...]]]:
    """A descriptor to give to a program, None for the agent's own output, and what is to be said about it.

    A program that cannot write its log (a full disk, a read-only one) is better than none: its output goes to the journal then.
    """
    if output.file is None:
        yield None, ()
        return
    try:
        descriptor = open_log(output.file)
    except OSError as error:
        yield None, (f"output.file {output.file}: {error.strerror}; its output goes to the journal",)
        return
    try:
        yield descriptor, ()
    finally:
        os.close(descriptor)


def open_log(path: str) -> int:
    """For appending, made if need be. Raises OSError, also for what is no file: whoever may write there could have put a link."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(path, flags, FILE_MODE)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(22, "it is not a file", path)
    os.set_blocking(descriptor, True)
    return descriptor
