"""Play drills one after another in one lab, each with one protection broken before it and mended after it; a program.

python proving.py LABDIR RESULTS STEPS: inside the lab's space, from a repository's folder. STEPS is JSON,
[{"name", "drill", "sabotage" or null, "patience_s"}], all of drills that need the same lab; RESULTS gets {name: what was seen} as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from lab.drills.cloud import Cloud, wait_for
from lab.drills.programme import SETTINGS
from lab.drills.runner import play
from lab.drills.sabotage import HANGS_TIMEOUT_S, SABOTAGES, clear_lost_work
from lab.drills.scenes import DRILLS
from lab.drills.stage import Stage
from lab.playing import first_service, playable
from lab.session import Session

TIME_SCALE = 4.0  # AWS's windows a quarter as long; our own code runs in real time


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def sabotaged_processes() -> list[int]:
    """Functions that run the code which a sabotage put in place of ours."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            code = (process / "cwd").resolve(strict=True) / "lambdas/recover_assembly.py"
            if code.is_file() and "sabotaged" in code.read_text():
                found.append(int(process.name))
        except OSError:
            continue  # it ended while we looked
    return found


def _rest(cloud: Cloud, stage: Stage) -> str:
    """Wait for rest. Calls that a sabotage broke are still given up after it was undone, and ring the alarm on lost work."""
    for _ in range(9):
        missing = stage.wait_steady(20)
        if not missing:
            break
        clear_lost_work(cloud)
    return missing


def prove(step: dict[str, Any], cloud: Cloud, stage: Stage) -> dict[str, Any]:
    """One drill, from steady on, with its sabotage undone at the end whatever came of it."""
    stage.patience_s = float(step["patience_s"])
    missing = _rest(cloud, stage)
    if missing:
        return {"missing": missing}
    since = time.time()
    sabotage = SABOTAGES[step["sabotage"]] if step["sabotage"] else None
    if sabotage is not None:
        say(f"sabotaged: {sabotage.what}")
        sabotage.inflict(stage)
    try:
        result = play(DRILLS[step["drill"]], stage, say)
    finally:
        if sabotage is not None:
            sabotage.undo(cloud)
    wait_for(lambda: not sabotaged_processes(), timeout_s=2 * HANGS_TIMEOUT_S)
    said = [str(line["what"]) for line in stage.lines(since) if line.get("who") == "recover_assembly"]
    return {"missing": "", "result": result.json(), "recovery_said": said, "left_running": sabotaged_processes()}


def main() -> int:
    lab_dir, results = Path(sys.argv[1]), Path(sys.argv[2])
    seen: dict[str, dict[str, Any]] = {}
    steps = json.loads(sys.argv[3])
    deployable, foundation = SETTINGS[DRILLS[steps[0]["drill"]].needs].files(results.parent / "files")
    with Session(lab_dir, deployable, say, time_scale=TIME_SCALE, foundation=foundation) as session:
        session.start()
        session.put_up()
        cloud = Cloud(lab_dir, session.stack)
        with Stage(cloud, playable(cloud), session.journal) as stage:
            first_service(stage)
            stage.deployable = deployable
            for step in steps:
                seen[step["name"]] = prove(step, cloud, stage)
                draft = results.with_suffix(".draft")
                draft.write_text(json.dumps(seen))
                os.replace(draft, results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
