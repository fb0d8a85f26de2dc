"""Pressure stall information: the share of time in which tasks waited for CPU, memory or I/O (https://docs.kernel.org/accounting/psi.html)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.measure.files import read_or_none


@dataclass(frozen=True, slots=True)
class Pressure:
    """Of the last ten seconds, 0 to 1; None: this kernel does not tell. cpu: 'some' task waited; memory, io: all did ('full')."""

    memory: float | None = None
    cpu: float | None = None
    io: float | None = None


def machine_pressure(proc: str) -> Pressure:
    return Pressure(
        avg10(f"{proc}/pressure/memory", b"full"), avg10(f"{proc}/pressure/cpu", b"some"), avg10(f"{proc}/pressure/io", b"full")
    )


def cgroup_pressure(folder: str) -> Pressure:
    return Pressure(
        avg10(f"{folder}/memory.pressure", b"full"), avg10(f"{folder}/cpu.pressure", b"some"), avg10(f"{folder}/io.pressure", b"full")
    )


def avg10(path: str, which: bytes) -> float | None:
    for line in (read_or_none(path) or b"").splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == which and words[1].startswith(b"avg10="):
            try:
                return float(words[1][6:]) / 100.0
            except ValueError:
                return None
    return None
