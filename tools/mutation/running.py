"""Mutants in forks of one process that has collected the tests: a changed function is put in place, a changed module imported anew."""

from __future__ import annotations

import gc
import importlib.abc
import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import hypothesis
import pytest
from _pytest.runner import runtestprotocol

from tools.mutation.mutants import Mutant

ROOT = Path(__file__).resolve().parents[2]
QUIET = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "-o", "addopts=", "--hypothesis-seed=0"]
# It asks every view that there is, ten seconds each time, and goes by the table that is changed.
SLOW = "tests/core/test_core_recovery_rules.py::test_every_row_of_the_table_is_reached_and_leads_where_it_says"
QUIET += ["--deselect", SLOW]
KILLED, SURVIVED, TOO_LONG = "killed", "survived", "took too long"
# Modules with classes, whose identity others go by, are imported anew; of all others the changed text is run in the module's own place.
WITH_CLASSES = (
    "core/recovery/incident.py",
    "core/recovery/budget.py",
    "core/policy.py",
    "core/recovery/case.py",
    "core/recovery/steps.py",
    "core/recovery/intents.py",
    "core/recovery/seen.py",
    "core/recovery/snapshot.py",
    "core/watching/volumes.py",
    "core/watching/mending.py",
)
# Who works something out of another module's values when it is imported.
FOLLOWERS = {
    "core/recovery/rules.py": ("core/recovery/machine.py",),
    "core/recovery/facts.py": (
        "core/recovery/weighing.py",
        "core/recovery/verifying.py",
        "core/recovery/rules.py",
        "core/recovery/machine.py",
    ),
}
LIMIT_S = 60.0  # of a mutant; all tests together take a few seconds


@dataclass
class Round:
    """A plug-in of pytest that runs the tests once, to see which lines each runs, and then each mutant of a function.

    fates: by the mutant's place in `wanted`. Nothing of core may be imported before pytest collects.
    """

    subjects: Sequence[str]
    wanted: Sequence[Mutant]
    jobs: int
    fates: dict[int, str] = field(default_factory=dict)
    _lines: dict[str, dict[str, set[int]]] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        failed = [item.nodeid for item in session.items if not self._traced(item)]
        if failed:
            raise pytest.Collector.CollectError(f"these fail without any mutant: {failed[:5]}")
        # A control: a module that is put in its own place unchanged must be noticed by nobody.
        same = [Mutant(name, "", "", 0, (), "", "", (ROOT / name).read_text()) for name in self.subjects if name not in WITH_CLASSES]
        for n, code in _in_forks([(n, self._asking(session, each)) for n, each in enumerate(same)], self.jobs):
            if code != 0:
                raise pytest.Collector.CollectError(f"{same[n].module} cannot be put in place: the tests notice it unchanged")
        work = [(n, mutant) for n, mutant in enumerate(self.wanted) if in_place(mutant)]
        for n, code in _in_forks([(n, self._asking(session, mutant)) for n, mutant in work], self.jobs):
            self.fates[n] = fate_of(code)
        return True

    def _traced(self, item: pytest.Item) -> bool:
        files = {str(ROOT / subject): subject for subject in self.subjects}
        lines = self._lines[item.nodeid] = {subject: set() for subject in self.subjects}

        def call(frame: FrameType, event: str, arg: object) -> Any:
            subject = files.get(frame.f_code.co_filename)
            if subject is None:
                return None
            mine = lines[subject]
            mine.add(frame.f_lineno)

            def line(frame: FrameType, event: str, arg: object) -> Any:
                mine.add(frame.f_lineno)
                return line

            return line

        began_s = time.monotonic()
        sys.settrace(call)
        try:
            reports = runtestprotocol(item, nextitem=None, log=False)
        finally:
            sys.settrace(None)
        self._seconds[item.nodeid] = time.monotonic() - began_s
        return all(report.passed for report in reports)

    def _asking(self, session: pytest.Session, mutant: Mutant) -> Callable[[], int]:
        """The tests that run its lines, the quickest first: 0 when all pass, 1 when one does not."""

        def work() -> int:
            lines = set(mutant.lines)
            mine = [item for item in session.items if mutant.function and self._lines[item.nodeid][mutant.module] & lines]
            mine = mine or list(session.items)  # what runs while its module is imported
            put_in_place(mutant)
            for item in sorted(mine, key=lambda item: self._seconds[item.nodeid]):
                if not all(report.passed for report in runtestprotocol(item, nextitem=None, log=False)):
                    return 1
            return 0

        return work


def in_place(mutant: Mutant) -> bool:
    return bool(mutant.function) or mutant.module not in WITH_CLASSES


def put_in_place(mutant: Mutant) -> None:
    """Whoever holds the function has the changed one: rules hold theirs in a table; and what was worked out with it is worked out anew."""
    name = mutant.module.removesuffix(".py").replace("/", ".")
    found = [
        each
        for each in gc.get_objects()
        if isinstance(each, FunctionType) and each.__module__ == name and each.__qualname__ == mutant.function
    ]
    if mutant.module not in WITH_CLASSES:
        for module in (mutant.module, *FOLLOWERS.get(mutant.module, ())):
            text = mutant.source if module == mutant.module else (ROOT / module).read_text()
            place = sys.modules[module.removesuffix(".py").replace("/", ".")].__dict__
            exec(compile(text, str(ROOT / module), "exec"), place)  # noqa: S102  # it is what this tool is for
    if not mutant.function:
        return
    assert found, f"{mutant.function} is nowhere"
    code = _code_of(compile(mutant.source, str(ROOT / mutant.module), "exec"), mutant.function.split("."))
    for each in found:
        each.__code__ = code


def _code_of(code: CodeType, path: Sequence[str]) -> CodeType:
    for name in path:
        code = next(each for each in code.co_consts if isinstance(each, CodeType) and each.co_name == name)
    return code


def rounds(subjects: Sequence[str], wanted: Sequence[Mutant], files: Sequence[str], jobs: int) -> dict[int, str]:
    """What became of each mutant, by its place. Raises RuntimeError when a test fails without any."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        code = 70
        try:
            hypothesis.settings.register_profile("mutation", deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
            hypothesis.settings.load_profile("mutation")  # a busy machine is no mutant
            mine = Round(subjects, wanted, jobs)
            code = int(pytest.main([*QUIET, *files], plugins=[mine]))
            with os.fdopen(writing, "w") as told:
                json.dump(mine.fates, told)
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as told:
        text = told.read()
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) not in (0, 5) or not text:  # 5: no test was run by pytest's own loop
        raise RuntimeError("the tests do not pass as they are")
    fates = {int(n): fate for n, fate in json.loads(text).items()}
    anew = [(n, mutant) for n, mutant in enumerate(wanted) if not in_place(mutant)]
    for n, became in _in_forks([(n, _importing(mutant, files)) for n, mutant in anew], jobs):
        fates[n] = fate_of(became)
    return fates


def fate_of(code: int | None) -> str:
    return TOO_LONG if code is None else SURVIVED if code == 0 else KILLED


def _importing(mutant: Mutant, files: Sequence[str]) -> Callable[[], int]:
    def work() -> int:
        sys.meta_path.insert(0, _Mutated(mutant.module, mutant.source))
        return int(pytest.main([*QUIET, *files]))

    return work


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module, in its place the mutant."""

    def __init__(self, module: str, source: str) -> None:
        self._name, self._path, self._source = module.removesuffix(".py").replace("/", "."), ROOT / module, source

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self, origin=str(self._path)) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, str(self._path), "exec"), module.__dict__)  # noqa: S102  # it is what this tool is for


def _in_forks(work: Sequence[tuple[int, Callable[[], int]]], jobs: int) -> Iterator[tuple[int, int | None]]:
    """Exit codes by number, as they come; None for what took longer than LIMIT_S. What is printed is dropped."""
    waiting, running = list(reversed(work)), dict[int, tuple[int, float]]()
    while waiting or running:
        while waiting and len(running) < jobs:
            n, task = waiting.pop()
            running[_fork(task)] = (n, time.monotonic())
        for pid, (n, began_s) in list(running.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                del running[pid]
                yield n, os.waitstatus_to_exitcode(status)
            elif time.monotonic() - began_s > LIMIT_S:
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                del running[pid]
                yield n, None
        time.sleep(0.003)


def _fork(task: Callable[[], int]) -> int:
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        code = 70
        try:
            code = task()
        finally:
            os._exit(code)
    return pid
