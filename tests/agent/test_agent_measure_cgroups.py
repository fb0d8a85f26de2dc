"""What is read from cgroups of both versions and from pressure files, in made-up trees; and from this machine's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from agent.measure import Meter
from agent.measure.cgroups import Cgroup, cgroup_path_of
from core.application import Application, Limits, Run
from core.node.thresholds import Measures

PSI = "some avg10={some} avg60=0.00 avg300=0.00 total=7\nfull avg10={full} avg60=0.00 avg300=0.00 total=7\n"
UNIT = "/system.slice/understudy-ledger.service"
UNLIMITED_V1 = 9223372036854771712


def plant(root: Path, files: Mapping[str, object]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return root


def stat(pid: int, *, ticks: int = 0, state: str = "S", threads: int = 1, parent: int = 1) -> str:
    """A line of /proc/PID/stat whose name is made to mislead."""
    rest = [0] * 6 + [0, 0, 0, ticks, 0, 0, 0, 20, 0, threads, 0, 5000, 0, 25, 0, 0]
    return f"{pid} (a) R (b) {state} {parent} {' '.join(map(str, rest))}"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    files: dict[str, object] = {
        "meminfo": "MemTotal:        1000 kB\nMemFree:          1 kB",
        "7/stat": stat(7, ticks=100, threads=3),
        "7/smaps_rollup": "1-2 ---p 0 0:0 0 [rollup]\nRss: 900 kB\nPss: 300 kB\nPss_Dirty: 1 kB",
        "7/limits": "Limit  Soft Limit  Hard Limit  Units\nMax processes   10   10   processes\nMax open files    40    80    files",
        "7/cgroup": f"0::{UNIT}",
        "8/stat": stat(8, ticks=50),
        "8/limits": "Max open files            unlimited        unlimited        files",
        **{f"7/fd/{number}": "" for number in range(30)},
        **{f"8/fd/{number}": "" for number in range(35)},
        **{f"pressure/{name}": PSI.format(some="20.00", full="10.00") for name in ("memory", "cpu", "io")},
    }
    return plant(tmp_path / "proc", files)


V2 = {
    "cgroup.controllers": "cpu io memory pids",
    "memory.pressure": PSI.format(some="90.00", full="80.00"),
    "system.slice/cpu.max": "150000 100000",
    "system.slice/memory.max": "max",
    **{
        f"{UNIT[1:]}/{name}": content
        for name, content in {
            "memory.current": 900_000,
            "memory.max": 1_000_000,
            "memory.stat": "anon 5\nfile 600000\ninactive_file 200000\nactive_file 300000\nslab_reclaimable 100000",
            "memory.pressure": PSI.format(some="50.00", full="40.00"),
            "cpu.pressure": PSI.format(some="30.00", full="0.00"),
            "io.pressure": PSI.format(some="6.00", full="5.00"),
            "cpu.max": "max 100000",
            "cpu.stat": "usage_usec 2000000\nuser_usec 1\nsystem_usec 2",
        }.items()
    },
}
V1 = {
    "memory/memory.limit_in_bytes": UNLIMITED_V1,
    "memory/system.slice/memory.limit_in_bytes": 800_000,
    f"memory{UNIT}/memory.limit_in_bytes": UNLIMITED_V1,
    f"memory{UNIT}/memory.usage_in_bytes": 700_000,
    f"memory{UNIT}/memory.stat": "cache 9\ninactive_file 9\ntotal_inactive_file 100000\ntotal_active_file 200000",
    "cpu/cpu.cfs_quota_us": -1,
    "cpu/cpu.cfs_period_us": 100_000,
    f"cpu{UNIT}/cpu.cfs_quota_us": 50_000,
    f"cpu{UNIT}/cpu.cfs_period_us": 100_000,
    f"cpuacct{UNIT}/cpuacct.usage": 2_000_000_000,
    f"systemd{UNIT}/tasks": "",
}


class Eye:
    """A meter of a made-up machine whose clock is turned by hand."""

    def __init__(self, proc: Path, cgroups: Path, limits: Limits = Limits()) -> None:  # noqa: B008 - a frozen value
        self.now_s = 1000.0
        application = Application(name="ledger", run=Run(exec=("ledger",)), limits=limits)
        self.meter = Meter(application, proc=str(proc), cgroups=str(cgroups), clock=lambda: self.now_s)

    def measure(self, pids: tuple[int, ...] = (7, 8), cgroup: str | None = None) -> Measures:
        self.now_s += 1.0
        return self.meter.measure(pids, cgroup)

    def with_memory(self, pids: tuple[int, ...] = (7, 8), cgroup: str | None = None) -> Measures:
        """It takes one more measure until the costly part has come from its thread."""
        for _ in range(10_000):
            measures = self.measure(pids, cgroup)
            self.now_s -= 1.0 if measures.memory_bytes is None else 0.0
            if measures.memory_bytes is not None:
                return measures
        raise AssertionError("no memory was measured")


@pytest.mark.parametrize("named", [UNIT, UNIT[1:], "{root}" + UNIT])
def test_an_own_cgroup_of_version_2_tells_of_memory_cpu_and_pressure(proc: Path, tmp_path: Path, named: str) -> None:
    root = plant(tmp_path / "cgroup", V2)
    eye = Eye(proc, root)
    name = named.replace("{root}", str(root))
    first = eye.measure(cgroup=name)
    plant(root, {f"{UNIT[1:]}/cpu.stat": "usage_usec 2500000"})
    second = eye.measure(cgroup=name)

    assert first.memory_bytes == 300_000, "what the kernel can take back is not counted"
    assert first.memory_limit_bytes == 1_000_000
    assert (first.memory_pressure, first.cpu_pressure, first.io_pressure) == (0.4, 0.3, 0.05)
    assert first.cores == 1, "a core and a half is one whole core"
    assert (first.cpu_cores, second.cpu_cores) == (None, 0.5)


@pytest.mark.parametrize("named", [UNIT, "{root}/systemd" + UNIT])
def test_an_own_cgroup_of_version_1_tells_of_memory_and_cpu_and_the_machine_of_pressure(proc: Path, tmp_path: Path, named: str) -> None:
    root = plant(tmp_path / "cgroup", V1)
    eye = Eye(proc, root)
    name = named.replace("{root}", str(root))
    first = eye.measure(cgroup=name)
    plant(root, {f"cpuacct{UNIT}/cpuacct.usage": 2_250_000_000})
    second = eye.measure(cgroup=name)

    assert first.memory_bytes == 400_000
    assert first.memory_limit_bytes == 800_000, "its slice is limited"
    assert (first.memory_pressure, first.cpu_pressure, first.io_pressure) == (0.1, 0.2, 0.1)
    assert first.cores == 1
    assert (first.cpu_cores, second.cpu_cores) == (None, 0.25)


def test_where_both_versions_are_mounted_pressure_comes_from_version_2(proc: Path, tmp_path: Path) -> None:
    own = {f"unified{UNIT}/{name}.pressure": PSI.format(some="3.00", full="2.00") for name in ("memory", "cpu", "io")}
    measures = Eye(proc, plant(tmp_path / "cgroup", V1 | own)).measure(cgroup=UNIT)

    assert (measures.memory_pressure, measures.cpu_pressure, measures.io_pressure) == (0.02, 0.03, 0.02)


def test_who_shares_a_cgroup_is_measured_by_its_processes_and_limited_like_the_rest(proc: Path, tmp_path: Path) -> None:
    eye = Eye(proc, plant(tmp_path / "cgroup", V2))
    measures = eye.with_memory()

    assert measures.memory_bytes == 300 * 1024 + 25 * os.sysconf("SC_PAGE_SIZE"), "PSS, and RSS for the one that tells none"
    assert measures.memory_limit_bytes == 1_000_000
    assert (measures.memory_pressure, measures.cpu_pressure, measures.io_pressure) == (0.1, 0.2, 0.1)


def test_the_lowest_limit_counts_be_it_the_settings_the_cgroups_or_the_machines(proc: Path, tmp_path: Path) -> None:
    root = plant(tmp_path / "cgroup", V2)

    assert Eye(proc, root, Limits(memory_bytes=999)).measure(cgroup=UNIT).memory_limit_bytes == 999
    assert Eye(proc, root, Limits(memory_bytes=2_000_000)).measure(cgroup=UNIT).memory_limit_bytes == 1_000_000
    plant(proc, {"7/cgroup": "0::/elsewhere"})
    assert Eye(proc, root).measure().memory_limit_bytes == 1000 * 1024


def test_a_cgroup_without_the_memory_controller_leaves_memory_to_the_processes(proc: Path, tmp_path: Path) -> None:
    root = plant(tmp_path / "cgroup", {"cgroup.controllers": "cpu", f"{UNIT[1:]}/cgroup.procs": "7"})

    assert Eye(proc, root).with_memory(pids=(7,), cgroup=UNIT).memory_bytes == 300 * 1024


def test_a_kernel_that_tells_nothing_leaves_nothing_but_what_is_known(tmp_path: Path) -> None:
    proc = plant(tmp_path / "proc", {"7/stat": stat(7)})
    eye = Eye(proc, tmp_path / "none")
    eye.measure(pids=(7,))
    measures = eye.measure(pids=(7,))

    assert measures.memory_limit_bytes is None
    assert (measures.memory_pressure, measures.cpu_pressure, measures.io_pressure, measures.cpu_waiting) == (None, None, None, None)
    assert (measures.open_files, measures.open_files_limit) == (None, None)
    assert (measures.processes, measures.cpu_cores) == (1, 0.0)


@pytest.mark.parametrize("garbage", ["", "\0\xff", "7 (", "7 () S 1", "some avg10=", "full avg10=x", "-1 -1", "0 0", "max", "9" * 24])
def test_files_of_garbage_are_as_good_as_none(proc: Path, tmp_path: Path, garbage: str) -> None:
    root = plant(tmp_path / "cgroup", dict.fromkeys(V2, garbage))
    for path in [path for path in proc.rglob("*") if path.is_file()]:
        path.write_text(garbage)
    plant(proc, {"7/stat": stat(7)})
    eye = Eye(proc, root)
    for cgroup in (UNIT, None):
        eye.measure(cgroup=cgroup)
        assert eye.measure(cgroup=cgroup).processes == 1


def test_the_process_nearest_to_its_limit_of_open_files_is_told(proc: Path, tmp_path: Path) -> None:
    measures = Eye(proc, tmp_path).measure()

    assert (measures.open_files, measures.open_files_limit) == (30, 40)
    assert measures.threads == 4


def test_without_a_cgroup_cpu_is_added_up_over_processes_that_come_and_go(proc: Path, tmp_path: Path) -> None:
    """8 had used 0.5 s when it was last seen; it used 0.2 s more, ended, and its parent 7 waited for it. 9 is new."""
    hertz = os.sysconf("SC_CLK_TCK")
    plant(proc, {"7/stat": stat(7, ticks=hertz), "8/stat": stat(8, ticks=hertz // 2, parent=7)})
    eye = Eye(proc, tmp_path)
    eye.measure()
    plant(proc, {"7/stat": stat(7, ticks=hertz + 7 * hertz // 10), "9/stat": stat(9, ticks=hertz // 10)})

    assert eye.measure(pids=(7, 9)).cpu_cores == pytest.approx(0.3)


def test_a_main_thread_that_ended_before_the_others_is_no_dead_process(proc: Path, tmp_path: Path) -> None:
    plant(proc, {"7/stat": stat(7, state="Z", threads=3), "8/stat": stat(8, state="Z")})
    measures = Eye(proc, tmp_path).measure()

    assert (measures.processes, measures.threads) == (1, 3)


def test_the_cgroup_of_a_process_is_memorys_in_version_1_and_the_only_one_in_version_2(proc: Path) -> None:
    plant(proc, {"7/cgroup": "9:name=systemd:/s\n8:cpu,cpuacct:/c\n4:memory:/m:x\n0::/u", "8/cgroup": "0::/u"})

    assert [cgroup_path_of(str(proc), pid) for pid in (7, 8, 9)] == ["/m:x", "/u", ""]


def test_a_path_out_of_the_mounted_tree_means_the_whole_mount(tmp_path: Path) -> None:
    root = plant(tmp_path / "cgroup", {"cgroup.controllers": "memory", "memory.max": 5_000})

    assert Cgroup(str(root), "/../../elsewhere").memory_limit_bytes() == 5_000


# --- this machine ------------------------------------------------------------------------------------------------


@pytest.fixture
def own_cgroup() -> Iterator[str]:
    """A memory cgroup of our own on this machine, of whichever version."""
    base = "/sys/fs/cgroup" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "/sys/fs/cgroup/memory"
    path = Path(base, f"understudy-test-{os.getpid()}")
    try:
        path.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    try:
        if not any((path / name).exists() for name in ("memory.current", "memory.usage_in_bytes")):
            pytest.skip("the memory controller is not handed down here")
        yield f"/{path.name}"
    finally:
        path.rmdir()


def test_a_real_cgroup_is_measured(own_cgroup: str) -> None:
    root = "/sys/fs/cgroup" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "/sys/fs/cgroup/memory"
    script = "import sys; sys.stdin.readline(); hold = bytearray(b'x') * 60_000_000; print(1, flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        Path(f"{root}{own_cgroup}/cgroup.procs").write_text(str(process.pid))
        process.stdin.write(b"go\n")
        process.stdin.flush()
        process.stdout.readline()
        measures = Meter(Application(name="ledger", run=Run(exec=("ledger",)))).measure([process.pid], own_cgroup)
    finally:
        process.communicate()

    assert 55_000_000 < (measures.memory_bytes or 0) < 120_000_000
    assert measures.memory_limit_bytes is not None
