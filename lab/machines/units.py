"""Unit files as the lab's stand-in for systemd reads them: what it honours, what it takes without effect, and nothing else.

Follows systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.kill(5), systemd.syntax(7) and systemd.time(7).
A directive that is not known here makes the unit unloadable: real systemd would ignore or honour it, we cannot tell.
"""

from __future__ import annotations

from dataclasses import replace

from lab.machines.directives import DIRECTIVES, Draft
from lab.machines.syntax import INFINITY, lines, specifiers
from lab.machines.unenforced import UNENFORCED
from lab.machines.unit import Unit, UnitError

UNIT_BYTES_MAX = 65536


def parse(name: str, text: str) -> Unit:
    """The unit a file describes. Raises UnitError with every reason at once."""
    draft = Draft(name)
    wrong: list[str] = []
    for number, section, key, value in lines(text, wrong):
        if key in UNENFORCED and section in DIRECTIVES:
            draft.remarks.append(f"{name}:{number}: {key}= has no effect here: {UNENFORCED[key]}")
            continue
        setter = DIRECTIVES.get(section, {}).get(key)
        if setter is None:
            wrong.append(f"{name}:{number}: {key}= in [{section}] is not understood by the lab's stand-in for systemd")
            continue
        try:
            setter(draft, specifiers(value, name))
        except ValueError as error:
            wrong.append(f"{name}:{number}: {key}={value} {error}")
    values = {key: value for key, value in draft.values.items() if not key.startswith("_")}
    values["success"] = frozenset(values.get("success", ()))
    unit = Unit(name=name, remarks=tuple(draft.remarks), **values)
    return _checked(unit, wrong, notify_access_given="notify_access" in values, timeout_given="start_timeout_s" in values)


def _checked(unit: Unit, wrong: list[str], *, notify_access_given: bool, timeout_given: bool) -> Unit:
    """Rules that concern several directives (systemd.service(5), Type= and NotifyAccess=)."""
    if not unit.exec_start:
        wrong.append(f"{unit.name}: has no ExecStart=")
    if unit.type != "oneshot" and len(unit.exec_start) > 1:
        wrong.append(f"{unit.name}: several ExecStart= are for Type=oneshot only")
    if unit.type == "oneshot" and unit.restart in ("always", "on-success"):
        wrong.append(f"{unit.name}: Restart={unit.restart} is not for Type=oneshot")
    if wrong:
        raise UnitError(wrong)
    if (unit.type == "notify" or unit.watchdog_s < INFINITY) and (not notify_access_given or unit.notify_access == "none"):
        unit = replace(unit, notify_access="main")
    if unit.type == "oneshot" and not timeout_given:
        unit = replace(unit, start_timeout_s=INFINITY)
    return unit
