"""Stop one thread of a process for good while its other threads go on: a program that hangs and does not die.

As a call into the kernel that never comes back: a signal that ends the process ends it all the same. Done with ptrace(2),
PTRACE_SEIZE and PTRACE_INTERRUPT, by a process of its own, for a thread that is traced goes on when its tracer ends.
"""

from __future__ import annotations

import subprocess
import sys

_SAYS = b"stopped\n"
_TRACER = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
task = int(sys.argv[1])
for request in (0x4206, 0x4207):  # PTRACE_SEIZE, PTRACE_INTERRUPT of linux/ptrace.h
    if libc.ptrace(request, task, None, None) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
print("stopped", flush=True)
while True:
    _, status = os.waitpid(task, 0x40000000)  # __WALL; it stops once, and is told of again when the process ends
    if not os.WIFSTOPPED(status):
        break
"""


class Wedge:
    """In force from when it is made until `release`, or the end of the process."""

    def __init__(self, pid: int) -> None:
        """Its first thread, whose number is the process's own. Raises LookupError with the kernel's words."""
        argv = [sys.executable, "-I", "-S", "-c", _TRACER, str(pid)]
        self._tracer = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self._tracer.stdout is not None
        assert self._tracer.stderr is not None
        if self._tracer.stdout.readline() != _SAYS:
            why = self._tracer.stderr.read().decode(errors="replace").strip()
            self.release()
            raise LookupError(f"process {pid} cannot be stopped: {why}")

    def release(self) -> None:
        """The thread goes on. Harmless when the process is gone."""
        self._tracer.kill()
        self._tracer.wait()
        for stream in (self._tracer.stdout, self._tracer.stderr):
            if stream is not None:
                stream.close()
