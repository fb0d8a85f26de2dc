"""What an operator says in a drill: the very command, run as a program against the lab's cloud."""

from __future__ import annotations

import subprocess
import sys

from lab.deploy import ENDPOINT, ROOT, environment
from lab.drills.stage import Stage

_LIMIT_S = 60.0


def say(stage: Stage, verb: str, *words: str) -> str:
    """`understudy VERB WORDS...` for the stage's deployable; what it prints. Raises LookupError with its words when it refuses."""
    argv = [sys.executable, "-m", "cli", verb, *words, "--deployable", stage.slot.deployable]
    stage.tell(f"an operator says: understudy {' '.join([verb, *words])}")
    try:
        done = subprocess.run(argv, cwd=ROOT, env=environment(ENDPOINT), capture_output=True, text=True, timeout=_LIMIT_S)
    except subprocess.TimeoutExpired as error:
        raise LookupError(f"understudy {verb} did not end within {_LIMIT_S:g} s") from error
    if done.returncode != 0:
        raise LookupError(f"understudy {verb}: {done.stderr.strip()}")
    return done.stdout
