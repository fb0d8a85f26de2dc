"""Break the protection that a node has of its own, in its settings or in its agent's unit, and put it back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.drills.cloud import Cloud, wait_for

_SETTINGS = "/opt/understudy/current/agent.json"
_UNIT = "understudy-agent.service"
_UNIT_FILE = f"/etc/systemd/system/{_UNIT}"
_KEPT = ".as-deployed"  # what the template had, kept beside what was changed
_AGENT_S = 30.0  # for the next run of the agent


@dataclass(frozen=True, slots=True)
class Edit:
    """One file of the machine, and its new text made of the old. anew: the agent learns of it only in its next run."""

    path: str
    change: Callable[[str], str]
    anew: bool = True

    def apply(self, cloud: Cloud) -> None:
        """On the machine that holds the permit. Raises LookupError with the lab's words."""
        for instance in _holders(cloud):
            text = str(cloud.control("read", instance=instance, path=self.path)["text"])
            cloud.control("write", instance=instance, path=self.path + _KEPT, text=text)
            self._put(cloud, instance, self.change(text))

    def undo(self, cloud: Cloud) -> None:
        """A machine that has taken the place of the changed one is as the template has it."""
        for instance in _holders(cloud):
            try:
                text = str(cloud.control("read", instance=instance, path=self.path + _KEPT)["text"])
            except LookupError:
                continue
            self._put(cloud, instance, text)
            cloud.control("run", instance=instance, argv=["rm", "--", self.path + _KEPT])

    def _put(self, cloud: Cloud, instance: str, text: str) -> None:
        cloud.control("write", instance=instance, path=self.path, text=text)
        done = cloud.control("run", instance=instance, argv=["systemctl", "daemon-reload"])
        if done["code"] != 0:
            raise LookupError(f"systemctl daemon-reload on {instance}: {done['out']}")
        if self.anew:
            _begin_anew(cloud, instance)


def in_settings(**changed: Any) -> Edit:
    """Other values for some keys of every application."""

    def change(text: str) -> str:
        settings = json.loads(text)
        for application in settings["assembly"]["applications"]:
            missing = changed.keys() - application.keys()
            if missing:
                raise LookupError(f"{_SETTINGS} has no {', '.join(sorted(missing))}")
            application.update(changed)
        return json.dumps(settings, indent=1, sort_keys=True) + "\n"

    return Edit(_SETTINGS, change)


def in_unit(directive: str, instead: str, *, anew: bool = True) -> Edit:
    """Another line for a directive of the agent's unit, or none."""

    def change(text: str) -> str:
        lines = text.splitlines(keepends=True)
        (at,) = (number for number, line in enumerate(lines) if line.startswith(f"{directive}="))
        lines[at] = f"{instead}\n" if instead else ""
        return "".join(lines)

    return Edit(_UNIT_FILE, change, anew)


def _holders(cloud: Cloud) -> list[str]:
    """The machines with a permit that are running."""
    found = []
    for slot in cloud.slots():
        holder, _ = cloud.permit(slot)
        if any(instance.id == holder and instance.state == "running" for instance in cloud.instances(slot)):
            found.append(holder)
    return found


def _begin_anew(cloud: Cloud, instance: str) -> None:
    """The agent's next run adopts what runs. Raises LookupError when there is none in time."""

    def pid() -> int:
        try:
            return int(cloud.control("agent", instance=instance)["pid"])
        except LookupError:
            return 0  # between two runs

    old = pid()
    if old:
        cloud.control("signal", instance=instance, pid=old, signal="SIGKILL")
    if not wait_for(lambda: pid() not in (0, old), timeout_s=_AGENT_S):
        raise LookupError(f"the agent of {instance} did not come back")
