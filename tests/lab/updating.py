"""Deploy, then a good version over it, one that cannot start, one after it, and a new image: what clients and CloudFormation saw.

python updating.py LABDIR RESULTS: inside the lab's space, from a repository's folder. RESULTS gets what was seen as JSON.
"""

from __future__ import annotations

import http.client
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from lab.deploy import DeployFailed, deploy, synthesize
from lab.drills import measure
from lab.drills.cloud import Cloud
from lab.drills.stage import Stage
from lab.playing import first_service, playable
from lab.session import Session

TIME_SCALE = 4.0  # AWS's windows a quarter as long; our own code runs in real time
DEMO = Path("deployables").resolve()
IMAGES = ("image: debian-12", "image: ubuntu-24.04")
GRACE = ("start_grace: 2m", "start_grace: 20s")  # how long a version that cannot start is given
SAYS = '"started": self.started,'


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


class Versions:
    """The demo's file and artifact, in a folder of their own, written anew for each version."""

    def __init__(self, folder: Path) -> None:
        self.file, self._program = folder / "demo.yaml", folder / "demo" / "counter.py"
        shutil.copytree(DEMO / "demo", folder / "demo")
        text = (DEMO / "demo.yaml").read_text()
        assert text.count(GRACE[0]) == 1, "the demo's start_grace has changed, and with it what this program rewrites"
        self.file.write_text(text.replace(*GRACE))

    def start_from_another_image(self) -> None:
        text = self.file.read_text()
        assert text.count(IMAGES[0]) == 1, "the demo's image has changed, and with it what this program rewrites"
        self.file.write_text(text.replace(*IMAGES))

    def write(self, version: str, *, starts: bool = True) -> None:
        text = (DEMO / "demo" / "counter.py").read_text()
        assert text.count(SAYS) == 1, "the demo's answer has changed, and with it what this program rewrites"
        text = text.replace(SAYS, f'{SAYS} "version": "{version}",')
        self._program.write_text(text if starts else text.replace("def main() -> int:", "def main() -> int:\n    return 1\n", 1))


def served_version(stage: Stage) -> str:
    connection = http.client.HTTPConnection(stage.slot.front, stage.slot.ports[0], timeout=2)
    try:
        connection.request("GET", "/")
        return str(json.loads(connection.getresponse().read()).get("version"))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"no answer: {error}"
    finally:
        connection.close()


def image_of(cloud: Cloud, instance: str) -> str:
    (found,) = cloud.clients["ec2"].describe_instances(InstanceIds=[instance])["Reservations"]
    return str(found["Instances"][0]["ImageId"])


def deployed(versions: Versions, cloud: Cloud, stage: Stage, lab_dir: Path, name: str) -> dict[str, Any]:
    """Deploy what is written over what stands; what came of it, once all is at rest again. name: for it in what is said."""
    before, since = stage.situation(), time.time()
    out = lab_dir / f"cdk.out-{name}"
    synthesize(versions.file, out)
    said = ""
    try:
        deploy(out, say=say)
    except DeployFailed as error:
        said = str(error)
    took_s = time.time() - since
    missing = stage.wait_steady(120)
    after = stage.situation()
    stack = cloud.clients["cloudformation"].describe_stacks(StackName=cloud.stack)["Stacks"][0]
    events = cloud.clients["cloudformation"].describe_stack_events(StackName=cloud.stack)["StackEvents"]
    gap = measure.longest_gap(stage.samples(since), since=since)
    seen = {
        "said": said,
        "status": stack["StackStatus"],
        "why": [
            e["ResourceStatusReason"] for e in reversed(events) if e.get("ResourceStatusReason") and e["Timestamp"].timestamp() >= since
        ],
        "took_s": round(took_s, 1),
        "missing": missing,
        "serves": served_version(stage),
        "booted": image_of(cloud, after.holder),
        "replaced": after.holder != before.holder,
        "epochs": after.epoch - before.epoch,
        "launched": len(after.launched - before.launched),
        "gap_s": round(gap.seconds, 1) if gap else None,
        "twice": len(measure.overlaps(r for r in stage.census.rounds if r[0] >= since)),
        "incidents": [item.get("state") for sk, item in stage.ended_incidents().items() if sk not in before.ended],
        "admission_said": [str(x["what"]) for x in stage.lines(since) if x.get("who") == "admit_node"],
    }
    say(f"{name}: {json.dumps(seen, indent=1)}")
    return seen


def main() -> int:
    lab_dir, results = Path(sys.argv[1]), Path(sys.argv[2])
    folder = results.parent / "versions"
    folder.mkdir()
    versions = Versions(folder)
    versions.write("one")
    seen: dict[str, Any] = {}
    with Session(lab_dir, versions.file, say, time_scale=TIME_SCALE) as session:
        session.start()
        session.put_up()
        cloud = Cloud(lab_dir, session.stack)
        with Stage(cloud, playable(cloud), session.journal) as stage:
            first_service(stage)
            seen["first"] = {"serves": served_version(stage)}
            versions.write("two")
            seen["good"] = deployed(versions, cloud, stage, lab_dir, "two")
            versions.write("three", starts=False)
            seen["bad"] = deployed(versions, cloud, stage, lab_dir, "three")
            versions.write("four")
            seen["after"] = deployed(versions, cloud, stage, lab_dir, "four")
            versions.start_from_another_image()
            seen["image"] = deployed(versions, cloud, stage, lab_dir, "image")
    results.write_text(json.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
