"""State on S3 as the unit runs it: an application that writes and acknowledges, a machine that is lost, another one that goes on."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from core.application import Run
from core.model import Application, Deployable
from core.records import Phase
from core.state import Keep, State
from tests.agent.programs import PATIENCE_S
from tests.agent.test_agent_end_to_end import Cloud, agent, cloud, eventually, get
from tests.agent.worlds import MetadataServer, deployable_of, end_all, permit

__all__ = ["cloud"]  # the fixture

# It counts: each number is renamed into place, then told to a client, with the newest number that it knows to be saved.
WRITER = """
import json, os, sys, time
folder, client = sys.argv[1:]
file = os.path.join(folder, "count")
count = int(open(file).read()) if os.path.exists(file) else 0
written, safe = [], count
with open(client, "a", buffering=1) as told:
    told.write(json.dumps({"restored": count}) + "\\n")
    while True:
        count += 1
        with open(file + ".new", "w") as new:
            new.write(str(count)); new.flush(); os.fsync(new.fileno())
        os.rename(file + ".new", file)
        written.append((time.monotonic(), count))
        try:
            saved = json.load(open(os.environ["UNDERSTUDY_SAVED"]))["began_monotonic_s"]
        except OSError:
            saved = 0.0
        while written and written[0][0] < saved:
            safe = written.pop(0)[1]
        told.write(json.dumps({"written": count, "safe": safe, "at": time.time()}) + "\\n")
        time.sleep(0.01)
"""


@dataclass
class Fleet:
    """Machines one after the other, of one deployable; each has a folder as its disk."""

    cloud: Cloud
    root: Path
    every_s: float = 1.0
    since: int = 0

    def deployable(self, disk: Path) -> Deployable:
        state = State(keep=Keep.S3, path=str(disk / "data"), every_s=self.every_s)
        command = (sys.executable, "-c", WRITER, str(disk / "data"), str(self.client))
        made = deployable_of(Application(name="writer", run=Run(exec=command), stop_timeout_s=5.0))
        return replace(made, assemblies=(replace(made.assemblies[0], state=state),))

    @property
    def client(self) -> Path:
        """What the application's client was told; not on the machine."""
        return self.root / "client"

    def told(self) -> list[dict[str, Any]]:
        lines = self.client.read_text().splitlines() if self.client.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def restored(self) -> dict[str, Any] | None:
        """What an application found after so many lines."""
        return next((line for line in self.told()[self.since :] if "restored" in line), None)

    def seen(self, key: str) -> int:
        """The newest such number."""
        return max((line[key] for line in self.told() if key in line), default=0)

    @contextlib.contextmanager
    def node(self, number: int) -> Iterator[tuple[Any, Path, Deployable]]:
        """The agent of machine i-NUMBER under the permit of that epoch."""
        instance, disk = f"i-{os.getpid()}-{number}", self.root / f"disk-{number}"
        disk.mkdir(exist_ok=True)
        former, self.cloud.metadata = self.cloud.metadata, MetadataServer(instance)
        deployable = self.deployable(disk)
        self.cloud.write_permit(permit(instance, epoch=number))
        try:
            with agent(self.cloud, deployable, disk) as process:
                yield process, disk, deployable
        finally:
            end_all(instance)
            self.cloud.metadata.close()
            self.cloud.metadata = former

    def lose(self, process: Any, number: int) -> None:
        """The machine is gone, with its disk."""
        process.kill()
        process.wait()
        end_all(f"i-{os.getpid()}-{number}")
        shutil.rmtree(self.root / f"disk-{number}" / "data")


@pytest.fixture
def fleet(cloud: Cloud, tmp_path: Path) -> Fleet:
    cloud.s3.put_bucket_versioning(Bucket="evidence", VersioningConfiguration={"Status": "Enabled"})
    return Fleet(cloud, tmp_path)


def state_of(deployable: Deployable) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(get(deployable.assembly("counter").http_port, "/v1/status")[1])["state"]
    return told


def test_what_was_acknowledged_is_there_on_the_next_machine(fleet: Fleet) -> None:
    with fleet.node(1) as (process, _, _):
        eventually("an acknowledged number", lambda: fleet.seen("safe") > 3)
        fleet.lose(process, 1)
    safe, written = fleet.seen("safe"), fleet.seen("written")

    with fleet.node(2) as (_, _, deployable):
        assert safe <= eventually("the application on the new machine", lambda: fleet.seen("restored")) <= written
        metrics = get(deployable.assembly("counter").http_port, "/metrics")[1]
        assert "understudy_state_saved_age_seconds" in metrics
        assert "understudy_state_open_seconds" in metrics


@pytest.mark.heavy
def test_a_clean_stop_saves_last_and_then_releases_the_permit(fleet: Fleet) -> None:
    with fleet.node(1) as (_, disk, _):
        eventually("the application", lambda: fleet.seen("written"))
        fleet.cloud.metadata.state = "Terminated"
        eventually("a release", lambda: report_of(fleet.cloud, 1) == Phase.RELEASED.value)
        written = int((disk / "data" / "count").read_text())
        assert '"kept-saved-last"' in (disk / "log").read_text()
    with fleet.node(2):
        assert eventually("all of it", lambda: fleet.seen("restored")) == written


def report_of(cloud: Cloud, number: int) -> str | None:
    item = cloud.item(f"REPORT#i-{os.getpid()}-{number}")
    return None if item is None else str(item["phase"])


@pytest.mark.heavy
def test_a_superseded_machine_is_refused_by_the_store_and_stops(fleet: Fleet) -> None:
    """It cannot see the new permit: only what it finds in the bucket tells it."""
    with fleet.node(1) as (_, disk, deployable):
        eventually("a save", lambda: state_of(deployable)["saves"])
        key = "state/demo/counter/manifest"
        body = fleet.cloud.s3.get_object(Bucket="evidence", Key=key)["Body"].read()
        head, _, packed = body.partition(b"\n")
        other = {**json.loads(head), "epoch": 2, "instance": "i-other", "attempt": "x"}
        claim = json.dumps(other).encode() + b"\n" + packed
        fleet.cloud.s3.put_object(Bucket="evidence", Key=key, Body=claim)
        eventually("that it stopped", lambda: report_of(fleet.cloud, 1) == Phase.RELEASED.value)
        assert fleet.cloud.s3.get_object(Bucket="evidence", Key=key)["Body"].read() == claim
        assert "superseded: the saved state is of epoch 2, by i-other" in (disk / "log").read_text()


@pytest.mark.heavy
def test_the_application_goes_on_while_the_bucket_is_gone_and_people_are_told(fleet: Fleet) -> None:
    with fleet.node(1) as (_, _, deployable):
        eventually("a save", lambda: state_of(deployable)["saves"])
        fleet.cloud.s3.put_object(Bucket="evidence", Key="state/demo/counter/manifest", Body=b"no manifest")
        told = eventually("the trouble", lambda: (found := state_of(deployable)) and found["errors"] > 1 and found)
        assert "its state is not saved for" in told["reason"]
        written = fleet.seen("written")
        eventually("more numbers", lambda: fleet.seen("written") > written)
        assert get(deployable.assembly("counter").http_port, "/readyz")[0] == 200

        def reported() -> bool:
            report = fleet.cloud.item(f"REPORT#i-{os.getpid()}-1")
            return report is not None and "its state is not saved" in report["applications"]["writer"]["reason"]

        eventually("the report that says so too", reported)


@pytest.mark.heavy
def test_a_hundred_machines_lost_one_after_the_other_lose_nothing_that_was_acknowledged(fleet: Fleet) -> None:
    """Prints what they did lose: numbers that were written and not yet acknowledged, by their age when the machine went."""
    rounds, chance, ages = int(os.environ.get("ROUNDS", "100")), random.Random(4), list[float]()  # noqa: S311 - the same each time
    for number in range(1, rounds + 1):
        before = fleet.told()
        safe = max((line["safe"] for line in before if "safe" in line), default=0)
        written = max((line["written"] for line in before if "written" in line), default=0)
        with fleet.node(number) as (process, _, _):
            fleet.since = len(before)
            restored = eventually("the application", fleet.restored)
            assert safe <= restored["restored"] <= written
            last_life = max((at for at, line in enumerate(before) if "restored" in line), default=0)
            lost = [line for line in before[last_life:] if line.get("written", 0) > restored["restored"]]
            if before:
                gone_at = max(line["at"] for line in before if "at" in line)
                ages.append(gone_at - min((line["at"] for line in lost), default=gone_at))
            time.sleep(chance.uniform(0.0, 2.5))
            os.kill(process.pid, signal.SIGSTOP)  # the machine goes at one moment, not one process after the other
            fleet.lose(process, number)
        fleet.client.write_text("\n".join(json.dumps(line) for line in fleet.told()[-2000:]) + "\n")
    ages.sort()
    print(f"rounds {rounds}, lost: median {ages[len(ages) // 2]:.2f} s, most {ages[-1]:.2f} s, every {fleet.every_s:g} s")
    assert ages[-1] < 3 * fleet.every_s + PATIENCE_S
