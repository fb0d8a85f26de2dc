"""An agent that is to die: starts a program, prints its identity, stays. `python -m tests.agent.former_agent MARK CODE FOLDER USER`"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

from agent.runs import adopt_orphans
from tests.agent.programs import program, started


async def main(mark: str, code: str, folder: str, *arguments: str) -> None:
    adopt_orphans()
    run = started(replace(program(Path(folder), code, *arguments), name=mark.split("/")[1]), mark=mark)
    print(json.dumps(asdict(run.identity())), flush=True)
    await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
