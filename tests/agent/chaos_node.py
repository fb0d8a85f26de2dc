"""One node's folder for the lives of an agent that is to die, and applications of which two would tell on themselves."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.application import OcfAgent, Run
from core.items import permit_item
from core.model import Application, Tolerance
from core.records import Permit
from core.settings import node_settings_to_json
from tests.agent.worlds import deployable_of, end_all, living, permit

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
# Each copy takes a lock that the kernel gives to one, and who does not get it writes it down. It is held by flock(1) and what that
# runs, in a session of their own below the leader's: whoever forgets the grandchildren starts a second copy beside them.
COPY = 'setsid flock -n -E 77 "$1/$2.lock" sleep 600; test $? = 77 && echo "$2" >> "$1/doubles"'
# As init script and as resource agent at once. It checks nothing by itself: whoever has it start twice has two; its stop leaves the
# grandchildren behind; and it takes its time, so that an agent can die while an action is under way.
SCRIPT = """#!/bin/sh
folder=%(folder)s name=%(name)s stopped=%(stopped)s
alive() { [ -s "$folder/$name.pid" ] && tr -d '\\0' < "/proc/$(cat "$folder/$name.pid")/cmdline" 2>/dev/null | grep -q .; }
case "$1" in
start) sleep 0.05
  setsid sh -c '%(copy)s' copy "$folder" "$name" > /dev/null 2>&1 < /dev/null &
  echo $! > "$folder/$name.pid"; sleep 0.05 ;;
stop) sleep 0.05; alive && kill "$(cat "$folder/$name.pid")"; rm -f "$folder/$name.pid" ;;
status | monitor) alive && exit 0; exit $stopped ;;
validate-all) exit 0 ;;
meta-data) echo '<resource-agent name="web"><version>1.1</version><parameters/><actions><action name="start" timeout="10s"/>'
  echo '<action name="stop" timeout="10s"/><action name="monitor" timeout="10s"/></actions></resource-agent>' ;;
*) exit 3 ;;
esac
"""


class Node:
    """Each `live` is one life of its agent, as a process of its own."""

    def __init__(self, folder: Path, kind: str = "exec") -> None:
        """kind: `exec`, or `actions`: a resource agent and an init script."""
        self.folder, self.instance, self.kind = folder, f"i-{uuid.uuid4().hex[:17]}", kind
        ours = (self._copies("web", after=("db",)), self._copies("db"))
        (folder / "agent.json").write_text(node_settings_to_json(deployable_of(*ours), "counter"))
        (folder / "former.json").write_text(node_settings_to_json(deployable_of(*ours, self._copies("old")), "counter"))
        until_repaired = Run(exec=("/bin/sh", "-c", f"[ -e {folder}/repaired ] || exit 3; {COPY}", "copy", str(folder), "web"))
        fragile = (replace(ours[0], run=until_repaired, tolerance=Tolerance(1, 300.0)), ours[1])
        (folder / "fragile.json").write_text(node_settings_to_json(deployable_of(*fragile), "counter"))
        (folder / "instance").write_text(self.instance)
        self.write("permit", permit(self.instance, epoch=3))
        self.write("another", permit("i-another", epoch=4))

    def _copies(self, name: str, after: tuple[str, ...] = ()) -> Application:
        if self.kind == "exec":
            run = Run(exec=("/bin/sh", "-c", COPY, "copy", str(self.folder), name))
        elif name == "web":
            run = Run(ocf=OcfAgent(provider="test", type=name, root=str(self.folder)))
            self._write_script(self.folder / "resource.d" / "test" / name, name, stopped=7)
        else:
            run = Run(lsb=str(self.folder / "init.d" / name))
            self._write_script(self.folder / "init.d" / name, name, stopped=3)
        return Application(name=name, run=run, after=after, stop_timeout_s=2.0, drain=("true",) if name == "db" else None)

    def _write_script(self, path: Path, name: str, *, stopped: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SCRIPT % {"folder": self.folder, "name": name, "stopped": stopped, "copy": COPY})
        path.chmod(0o755)

    def write(self, name: str, written: Permit) -> None:
        (self.folder / name).write_text(json.dumps(permit_item(written)))

    def live(self, story: str, fault: str = "none", before: Sequence[str] = ()) -> int:
        """Exit status: 0 the story came to its end, 9 the fault was met. before: a program that runs the agent."""
        with (self.folder / "log").open("ab") as log:
            log.write(f"--- {story} {fault}\n".encode())
            log.flush()
            program = [*before, *self.program(story, fault)]
            status = subprocess.run(program, cwd=ROOT, stdout=log, stderr=log, timeout=PATIENCE_S, check=False).returncode
        assert status in (0, 9), self.log()
        return status

    def program(self, story: str, fault: str = "none") -> list[str]:
        return [sys.executable, "-m", "tests.agent.faulty_agent", str(self.folder), story, fault]

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def doubles(self) -> list[str]:
        path = self.folder / "doubles"
        return path.read_text().split() if path.exists() else []

    def runs(self) -> dict[str, int]:
        """How many runs of each application live."""
        return {name: len({_mark(pid) for pid in living(f"{name}/", self.instance)}) for name in ("web", "db", "old")}

    def given_up(self) -> int:
        path = self.folder / "state" / "given-up.json"
        return int(json.loads(path.read_text())["epoch"]) if path.exists() else 0

    def reached(self) -> list[str]:
        """Effects of all its lives, EFFECT:NUMBER, in their order; and what was seen to change outside of all of them."""
        return [line for line in (self.folder / "effects").read_text().splitlines() if not line.startswith("missed:")]

    def missed(self) -> set[str]:
        return {line for line in (self.folder / "effects").read_text().splitlines() if line.startswith("missed:")}

    def end(self) -> None:
        end_all(self.instance)


def _mark(pid: int) -> bytes:
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next(entry for entry in environment if entry.startswith(b"UNDERSTUDY_RUN="))
