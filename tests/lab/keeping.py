"""Deploy a counter whose state is kept on S3, count, take its machine away, and see how far it has counted; a program.

python keeping.py LABDIR RESULTS: inside the lab's space, from a repository's folder. RESULTS gets what was seen as JSON.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from lab.drills.cloud import Cloud, wait_for
from lab.drills.stage import Stage
from lab.playing import first_service, playable
from lab.session import Session

TIME_SCALE = 4.0  # AWS's windows a quarter as long; our own code runs in real time
FILE = Path("deployables/kept.yaml").resolve()
KEY = "state/kept/counter/manifest"
ROUNDS = 3


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def asked(stage: Stage, path: str = "/") -> dict[str, Any]:
    """What the counter answers; {} while it does not."""
    connection = http.client.HTTPConnection(stage.slot.front, stage.slot.ports[0], timeout=2)
    try:
        connection.request("GET", path)
        return dict(json.loads(connection.getresponse().read()))
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()


def lost(stage: Stage, cloud: Cloud) -> dict[str, Any]:
    """Count until some of it is safe, take the machine away in the middle of counting, and ask the next one."""
    before = asked(stage)
    told = before
    while told.get("saved", 0) < before["count"] + 20:
        told = asked(stage, "/hit") or told
    for _ in range(20):
        told = asked(stage, "/hit") or told
    situation, bucket = stage.situation(), cloud.outputs["Bucket"]
    stale = cloud.clients["s3"].get_object(Bucket=bucket, Key=KEY)
    body = stale["Body"].read()
    cloud.clients["ec2"].terminate_instances(InstanceIds=[situation.holder], SkipOsShutdown=True)
    at = time.time()
    wait_for(lambda: stage.recovered(situation, at), timeout_s=stage.patience_s, every_s=0.5)
    after = asked(stage)
    try:
        cloud.clients["s3"].put_object(Bucket=bucket, Key=KEY, Body=body, IfMatch=stale["ETag"])
        refused = ""
    except ClientError as error:
        refused = error.response["Error"]["Code"]
    head = json.loads(cloud.clients["s3"].get_object(Bucket=bucket, Key=KEY)["Body"].read().partition(b"\n")[0])
    seen = {
        "safe": told["saved"],
        "counted": told["count"],
        "found": after.get("count"),
        "other_machine": after.get("instance") not in (None, situation.holder),
        "late_writer": refused,
        "epoch_passed": head["epoch"] - json.loads(body.partition(b"\n")[0])["epoch"],
    }
    say(json.dumps(seen))
    return seen


def retired(stage: Stage, cloud: Cloud) -> dict[str, Any]:
    """Let the group replace the node in its own way, by its hooks, right after a count that nobody has saved yet."""
    situation = stage.situation()
    told = asked(stage, "/hit")
    cloud.clients["autoscaling"].terminate_instance_in_auto_scaling_group(InstanceId=situation.holder, ShouldDecrementDesiredCapacity=False)
    wait_for(lambda: asked(stage).get("instance") not in (None, situation.holder), timeout_s=stage.patience_s, every_s=0.5)
    seen = {"counted": told["count"], "saved": told["saved"], "found": asked(stage).get("count")}
    say(json.dumps(seen))
    return seen


def main() -> int:
    lab_dir, results = Path(sys.argv[1]), Path(sys.argv[2])
    with Session(lab_dir, FILE, say, time_scale=TIME_SCALE) as session:
        session.start()
        session.put_up()
        cloud = Cloud(lab_dir, session.stack)
        with Stage(cloud, playable(cloud), session.journal) as stage:
            first_service(stage)
            rounds = []
            for _ in range(ROUNDS):
                rounds.append(lost(stage, cloud))
                stage.wait_steady(120)
            clean = retired(stage, cloud)
    results.write_text(json.dumps({"lost": rounds, "clean": clean}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
