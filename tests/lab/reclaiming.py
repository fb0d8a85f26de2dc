"""A spot machine is taken back: what clients saw, and who did what; a program.

python reclaiming.py LABDIR RESULTS: inside the lab's space, from a repository's folder. RESULTS gets what was seen as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from lab.drills import measure
from lab.drills.cloud import Cloud, wait_for
from lab.drills.stage import Stage
from lab.playing import first_service, playable
from lab.session import Session

TIME_SCALE = 1.0  # the two minutes are real ones: our own code needs its time on a busy machine
FILE = Path("deployables/spot.yaml").resolve()


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def main() -> int:
    lab_dir, results = Path(sys.argv[1]), Path(sys.argv[2])
    with Session(lab_dir, FILE, say, time_scale=TIME_SCALE) as session:
        session.start()
        session.put_up()
        cloud = Cloud(lab_dir, session.stack)
        with Stage(cloud, playable(cloud), session.journal) as stage:
            first_service(stage)
            missing_before = stage.wait_steady(120)
            before, since = stage.situation(), time.time()
            told = cloud.clients["ec2"].describe_instances(InstanceIds=[before.holder])["Reservations"][0]["Instances"][0]
            cloud.control("reclaim", instance=before.holder)
            wait_for(lambda: cloud.permit(stage.slot)[1] > before.epoch, timeout_s=150, every_s=0.5)
            missing = stage.wait_steady(120)
            after, lines = stage.situation(), stage.lines(since)
            gap = measure.longest_gap(stage.samples(since), since=since)
            said = [(str(x.get("who")), str(x.get("what"))) for x in lines]
            seen = {
                "lifecycle": told.get("InstanceLifecycle"),
                "missing": missing_before or missing,
                "replaced": after.holder != before.holder,
                "epochs": after.epoch - before.epoch,
                "launched": len(after.launched - before.launched),
                "gap_s": round(gap.seconds, 1) if gap else None,
                "twice": len(measure.overlaps(r for r in stage.census.rounds if r[0] >= since)),
                "incidents": [item.get("state") for sk, item in stage.ended_incidents().items() if sk not in before.ended],
                "answered": [what for who, what in said if who == "recover_assembly" and "back in two minutes" in what],
                "taken": [what for _, what in said if what == f"{before.holder} is taken back"],
                "offline": [what for who, what in said if who == "retire_node"],
            }
            say(json.dumps(seen, indent=1))
    results.write_text(json.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
