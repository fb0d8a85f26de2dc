"""Why an application could not have answered in time: it is starved, or it works flat out. A hung one sleeps.

The question is put only when a probe got no answer in time. Whoever is saturated is busy, and has a longer budget; the rest
is failing. Two errors are possible. To call a hung application saturated delays its restart until the busy budget ends; to
call a busy one hung kills it under load, and then the next one, which has more to do. So the numbers below are low enough
to find a reason where there is one, and every one of them but pressure is of the application itself: one that sleeps
on a crowded machine is not excused by the crowd.
"""

from __future__ import annotations

from core.node.thresholds import Measures

# Its tasks were ready to run and got no core for a quarter of the time, and longer than they had one: /proc/PID/schedstat
# counts it (https://docs.kernel.org/scheduler/sched-stats.html). Measured with six busy loops on two cores: a small server
# asked five times a second waits 0.01 of the time and answers, at SCHED_IDLE 0.77, and most askers give up.
STARVED_WAITING = 0.25
# Some task ran or wanted to run nearly all of the time. Most programs answer on one thread, so one core is enough to be flat
# out. From outside work and a loop without end look alike: the busy budget tells them apart.
FLAT_OUT_CORES = 0.9
# PSI "some" for CPU, where the tasks' own waiting cannot be read: half of the time some task waited for a core.
CPU_PRESSURE = 0.5
# PSI "full" for memory: all tasks at once waited for it. systemd-oomd kills at 0.6 for 30 s by default (oomd.conf(5)); an
# application is excused from half of that on.
MEMORY_PRESSURE = 0.3
# PSI "full" for I/O: none of the tasks that were not idle got anywhere for half of the time. Where only the machine's is known
# one busy copy on an idle machine reaches it too: an application that hangs beside it is found out by its busy budget.
IO_PRESSURE = 0.5


def saturated(measures: Measures | None) -> str:
    """Why it cannot be expected to answer, in numbers; "" when nothing is known that would excuse it.

    A stopped process is never saturated (SIGSTOP, a debugger): nothing but a signal makes it go on.
    """
    if measures is None or measures.stopped:
        return ""
    return _starved(measures) or _flat_out(measures) or _stalled(measures)


def _starved(measures: Measures) -> str:
    waiting, used = measures.cpu_waiting, measures.cpu_cores or 0.0
    if waiting is None:
        if measures.cpu_pressure is not None and measures.cpu_pressure >= CPU_PRESSURE:
            return f"starved: tasks waited for a core {100 * measures.cpu_pressure:.0f} % of the time"
        return ""
    if waiting >= STARVED_WAITING and waiting >= used:
        return f"starved: it waited for {waiting:.2f} cores and got {used:.2f}"
    return ""


def _flat_out(measures: Measures) -> str:
    used, waiting = measures.cpu_cores, measures.cpu_waiting or 0.0
    if used is None or used + waiting < FLAT_OUT_CORES:
        return ""
    more = f" and waits for {waiting:.2f} more" if waiting >= 0.1 else ""
    return f"flat out: it uses {used:.2f} of {measures.cores} cores{more}"


def _stalled(measures: Measures) -> str:
    if measures.memory_pressure is not None and measures.memory_pressure >= MEMORY_PRESSURE:
        return f"short of memory: all waited for it {100 * measures.memory_pressure:.0f} % of the time"
    if measures.io_pressure is not None and measures.io_pressure >= IO_PRESSURE:
        return f"short of I/O: all waited for it {100 * measures.io_pressure:.0f} % of the time"
    return ""
