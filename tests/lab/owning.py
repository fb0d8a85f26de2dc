"""Deploy the example of a stack of one's own with the real CDK CLI, and kill its node; a program.

python owning.py LABDIR RESULTS: inside the lab's space, from a repository's folder. RESULTS gets the drill's result as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from lab import conformance
from lab.deploy import deploy, environment
from lab.drills.cloud import Cloud
from lab.drills.runner import play
from lab.drills.scenes import DRILLS
from lab.drills.stage import Stage
from lab.playing import first_service, playable
from lab.session import Session

APP = Path("examples/own_stack/app.py").resolve()
STACK = "own-stack"
TIME_SCALE = 1.0  # as it is, since a busy machine needs its time to start one


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def main() -> int:
    lab_dir, results = Path(sys.argv[1]), Path(sys.argv[2])
    out = lab_dir / "cdk.out"
    with Session(lab_dir, APP, say, time_scale=TIME_SCALE) as session:
        session.start()
        subprocess.run([sys.executable, str(APP)], env={**environment(), "PYTHONPATH": os.getcwd(), "CDK_OUTDIR": str(out)}, check=True)
        deploy(out, say=say)
        problems = conformance.check(STACK, json.loads((out / f"{STACK}.template.json").read_text()))
        cloud = Cloud(lab_dir, STACK)
        with Stage(cloud, playable(cloud), session.journal) as stage:
            first_service(stage)
            result = play(DRILLS["kill-instance"], stage, say)
    results.write_text(json.dumps({"problems": [str(problem) for problem in problems], "drill": result.json()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
