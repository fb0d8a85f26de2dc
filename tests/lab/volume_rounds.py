"""Deploy a counter whose state lies on a volume, count, take its machine away by force, then politely, then its volume; a program.

python volume_rounds.py LABDIR RESULTS: inside the lab's space, from a repository's folder. RESULTS gets what was seen as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from lab.drills.cloud import Cloud, wait_for
from lab.drills.stage import Stage
from lab.journal import read
from lab.playing import first_service, playable
from lab.session import Session
from tests.lab.keeping import TIME_SCALE, asked, say

FILE = Path("deployables/zonal.yaml").resolve()
SETTLED_S = 61.0  # what is detached within a minute of its permit is taken for a hand-over


def taken(stage: Stage, cloud: Cloud, *, politely: bool) -> dict[str, Any]:
    """Count in the middle of which the machine goes, and ask the next one. politely: by the group's hooks."""
    told: dict[str, Any] = {}
    for _ in range(20):
        told = asked(stage, "/hit") or told
    situation = stage.situation()
    if politely:
        cloud.clients["autoscaling"].terminate_instance_in_auto_scaling_group(
            InstanceId=situation.holder, ShouldDecrementDesiredCapacity=False
        )
    else:
        cloud.clients["ec2"].terminate_instances(InstanceIds=[situation.holder], SkipOsShutdown=True)
    wait_for(lambda: asked(stage).get("instance") not in (None, situation.holder), timeout_s=stage.patience_s, every_s=0.5)
    seen = {"counted": told["count"], "found": asked(stage).get("count")}
    say(json.dumps(seen))
    return seen


def torn(stage: Stage, cloud: Cloud) -> dict[str, Any]:
    """Its volume is taken from the node that runs, by force, as somebody might in the console."""
    ec2, holder = cloud.clients["ec2"], stage.situation().holder
    (volume,) = ec2.describe_volumes(Filters=[{"Name": "tag-key", "Values": ["understudy:volume"]}])["Volumes"]

    def at() -> str:
        (row,) = ec2.describe_volumes(VolumeIds=[volume["VolumeId"]])["Volumes"]
        return next((str(each["InstanceId"]) for each in row.get("Attachments", []) if each["State"] == "attached"), "")

    ec2.detach_volume(VolumeId=volume["VolumeId"], InstanceId=holder, Force=True)
    left = wait_for(lambda: at() == "", timeout_s=30, every_s=0.1)
    back = wait_for(lambda: at() == holder, timeout_s=stage.patience_s, every_s=0.5)
    kept = [item["kind"] for item in cloud.items(f"HISTORY#{stage.slot.deployable}")]
    wait_for(lambda: bool(cloud.mended(stage.slot)), timeout_s=stage.patience_s, every_s=0.5)
    mended = [(row["woken_by"], row["state"], row["instance"] == holder) for row in cloud.mended(stage.slot)]
    return {"left": left, "back": back, "kept": kept, "holder": stage.situation().holder == holder, "mended": mended}


def main() -> int:
    lab_dir, results = Path(sys.argv[1]), Path(sys.argv[2])
    with Session(lab_dir, FILE, say, time_scale=TIME_SCALE) as session:
        session.start()
        session.put_up()
        cloud = Cloud(lab_dir, session.stack)
        with Stage(cloud, playable(cloud), session.journal) as stage:
            first_service(stage)
            killed = taken(stage, cloud, politely=False)
            stage.wait_steady(120)
            began = time.time()
            retired = taken(stage, cloud, politely=True)
            stage.wait_steady(120)
            time.sleep(SETTLED_S)
            torn_at = time.time()
            seen = torn(stage, cloud)
    lines = read(lab_dir / "journal.jsonl")[0]
    events = [line for line in lines if line.get("kind") == "event"]
    said = [str(line["what"]) for line in events if began <= line["at"] < torn_at and "vol-" in str(line.get("what"))]
    woke = [str(line["what"]) for line in events if line["at"] >= torn_at and "woken by ebs" in str(line.get("what"))]
    results.write_text(json.dumps({"killed": killed, "retired": retired, "said": said, "torn": {**seen, "woke": woke}}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
