"""The drills' hands inside a machine: its processes, programs, files, disk and processor. Runs inside the lab's space."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from lab_machines import USER_DATA, Rack, wait_for

from lab.control_machines import VERBS

pytestmark = pytest.mark.lab
ID = "i-0abc"


@pytest.fixture
def rack(in_space: None, tmp_path: Path) -> Rack:
    rack = Rack(tmp_path)
    rack.boot(USER_DATA)
    rack.console_says("the user data has ended")
    return rack


def do(rack: Rack, verb: str, **arguments: Any) -> dict[str, Any]:
    return VERBS[verb](rack.world, {"instance": ID, **arguments})


def test_programs_run_and_files_are_read_and_written_as_the_machine_sees_them(rack: Rack) -> None:
    assert do(rack, "run", argv=["hostname"]) == {"code": 0, "out": "ip-10-20-1-5\n"}
    assert do(rack, "run", argv=["false"])["code"] == 1
    do(rack, "write", path="/root/note", text="said\n")
    assert do(rack, "read", path="/root/note") == {"text": "said\n"}
    assert not Path("/root/note").exists()
    with pytest.raises(LookupError, match="No such file"):
        do(rack, "read", path="/root/none")
    with pytest.raises(ValueError, match="no absolute path"):
        do(rack, "read", path="../x")


def test_a_signal_goes_to_a_process_of_that_machine_and_to_no_other(rack: Rack) -> None:
    server = do(rack, "listener", port=8080)
    assert [process["pid"] for process in do(rack, "holders", port=8080)["processes"]] == [server["pid"]]

    with pytest.raises(LookupError, match="is not on i-0abc"):
        do(rack, "signal", pid=os.getpid(), signal="SIGTERM")
    do(rack, "signal", pid=server["pid"])

    rack.console_says("restart counter is at 1")


def test_a_full_disk_takes_nothing_more_until_it_is_large_again(rack: Rack) -> None:
    write = ["python3", "-c", "open('/root/more', 'wb').write(b'x' * 1000000)"]

    do(rack, "disk", full=True)
    assert "No space left on device" in do(rack, "run", argv=write)["out"]
    do(rack, "disk", full=False)

    assert do(rack, "run", argv=write)["code"] == 0


def test_the_processor_is_taken_from_one_process_and_given_back(rack: Rack) -> None:
    pid = do(rack, "listener", port=8080)["pid"]

    core = do(rack, "starve", pid=pid, burners=2)["core"]
    assert os.sched_getscheduler(pid) == os.SCHED_IDLE
    wait_for(lambda: len(burners(rack)) == 2, lambda: f"two burners: {burners(rack)}")
    assert all(os.sched_getaffinity(burner) == {core} for burner in burners(rack))

    do(rack, "feed", pid=pid)
    wait_for(lambda: not burners(rack), lambda: "no burners")


def burners(rack: Rack) -> list[int]:
    return [int(p["pid"]) for p in do(rack, "processes")["processes"] if p["argv"][-1:] == ["lab-burner"] and "-S" in p["argv"][:4]]
