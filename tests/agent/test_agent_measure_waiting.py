"""How long tasks wait for a core, from the account that the kernel keeps of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.measure import waiting
from agent.measure.process import Process, read_process
from agent.measure.waiting import Waiting

STAT_REST = "0 0 0 0 0 0 0 0 0 0 0 0 0 20 0 1 0 5000 0 25 0 0"  # one thread, started at 5000
SECOND_NS = 1_000_000_000


class Queue:
    """One task's account, as the kernel keeps it."""

    def __init__(self, proc: Path) -> None:
        self.folder, self.waiting, self.now_s = proc / "7", Waiting(str(proc)), 1000.0
        self.folder.mkdir()
        self.run_ns = self.delay_ns = 0
        self.slices = 1

    def second(self, state: str = "S", *, closely: bool = True) -> float | None:
        self.now_s += 1.0
        (self.folder / "stat").write_text(f"7 (a) R (b) {state} 1 {STAT_REST}")
        (self.folder / "schedstat").write_text(f"{self.run_ns} {self.delay_ns} {self.slices}\n")
        process = read_process(str(self.folder.parent), 7)
        assert process is not None
        return self.waiting.share([process], now_s=self.now_s, closely=closely)

    def runs_after(self, waited_s: float, ran_s: float = 0.01) -> None:
        self.delay_ns, self.run_ns, self.slices = (
            self.delay_ns + round(waited_s * SECOND_NS),
            self.run_ns + round(ran_s * SECOND_NS),
            self.slices + 1,
        )


def test_waiting_is_the_time_in_the_queue_over_the_time_that_passed(tmp_path: Path) -> None:
    task = Queue(tmp_path)
    assert task.second() is None
    task.runs_after(0.25)
    assert task.second() == 0.25
    assert task.second() == 0.0, "asleep"


def test_one_that_never_got_a_core_is_waiting_though_the_kernel_has_not_counted_it_yet(tmp_path: Path) -> None:
    task = Queue(tmp_path)
    task.second()
    assert [task.second("R") for _ in range(3)] == [1.0, 1.0, 1.0]
    task.runs_after(3.5)
    assert task.second("R") == 0.5, "what was credited is not counted twice"


def test_one_that_runs_without_pause_does_not_wait(tmp_path: Path) -> None:
    task = Queue(tmp_path)
    task.second()
    task.run_ns += SECOND_NS
    assert task.second("R") == 0.0


def test_while_nobody_waits_on_the_machine_states_are_not_looked_at(tmp_path: Path) -> None:
    task = Queue(tmp_path)
    task.second()
    assert task.second("R", closely=False) == 0.0


def test_a_kernel_without_the_account_says_nothing(tmp_path: Path) -> None:
    task = Queue(tmp_path)
    task.slices = 0
    assert [task.second(), task.second("R")] == [None, None]


def test_threads_are_looked_at_one_by_one_and_so_many_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "TASKS_MAX", 3)
    process = Process(pid=7, state="S", parent=1, ticks=0, threads=5, start_ticks=5000, rss_bytes=0)
    account = Waiting(str(tmp_path))
    shares = []
    for second in range(2):
        for task in range(7, 12):
            folder = tmp_path / f"7/task/{task}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "schedstat").write_text(f"{second} {second * SECOND_NS // 2} {second + 1}\n")
        shares.append(account.share([process], now_s=second, closely=True))

    assert shares == [None, 1.5]


def test_a_task_that_is_gone_or_new_takes_no_part(tmp_path: Path) -> None:
    task = Queue(tmp_path)
    task.second()
    (task.folder / "schedstat").unlink()
    task.now_s += 1.0
    assert task.waiting.share([], now_s=task.now_s, closely=True) is None
    task.runs_after(0.5)
    assert task.second() is None
    task.runs_after(0.5)
    assert task.second() == 0.5
