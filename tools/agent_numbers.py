"""Tables of the agent's ports, numbers and metrics. Each comes from the code that acts by it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agent import address_watch, control_socket, counting, cycle, ha_port, hosts, metrics, operators, state_file, watchers
from agent.control_server import CONNECTIONS_MAX as CONTROL_CONNECTIONS_MAX
from agent.control_server import IDLE_S as CONTROL_IDLE_S
from agent.control_server import REQUEST_BYTES_MAX
from agent.examiner import MEASURE_CLOSELY_S, MEASURE_EVERY_S
from agent.http import answers
from agent.http import server as http
from agent.keeping import mark
from agent.reporter import EVERY_S as REPORT_EVERY_S
from agent.scripts import acting, monitoring
from core import names
from core.model import Verdict
from core.node import damping, supervision
from core.node import leaving as node_leaving
from core.node import running as node_running
from core.node.ha_port import ERRORS_MAX, LINE_BYTES_MAX
from core.records import Phase
from tools.agent_words import Table

# --- ports and numbers ----------------------------------------------------------------------------------------------


def ports() -> Table:
    silent, line = f"{ha_port.IDLE_S:g} s", f"a line: {LINE_BYTES_MAX} bytes; {ERRORS_MAX} refused lines"
    rows = [
        ("HA port of the node", f"{ha_port.NODE_CONNECTIONS_MAX}", silent, line),
        ("HA port of an application", f"{ha_port.APPLICATION_CONNECTIONS_MAX}", silent, line),
        (
            "HTTP",
            f"{http.CONNECTIONS_MAX}",
            f"{http.KEEP_ALIVE_S:g} s",
            f"a head: {http.HEAD_BYTES_MAX} bytes within {http.HEAD_TIMEOUT_S:g} s; a body: {http.BODY_BYTES_MAX} bytes;"
            f" {http.REQUESTS_MAX} requests on a connection; {http.ACTIONS_AT_ONCE} actions at once",
        ),
        ("local socket", f"{CONTROL_CONNECTIONS_MAX}", f"{CONTROL_IDLE_S:g} s", f"a request: {REQUEST_BYTES_MAX} bytes"),
    ]
    return ("port", "connections", "closed when silent for", "more than this is refused"), rows


def paths() -> Table:
    """Raises KeyError for a path that nobody has described."""
    about = {
        "/livez": ("the agent completes its cycles", "it has not for a while"),
        "/healthz": ("the node is healthy or busy; one that waits for its permit is", "it is failing or unknown"),
        "/readyz": ("and its applications are up: phase `running`", "not, or not yet"),
        "/primary": ("as `/readyz`: this node serves", "it does not"),
        "/standby": ("the node is well and waits for its permit", "it serves, or is not well"),
        "/v1/status": ("always: everything the agent knows, JSON", ""),
        "/metrics": ("always: the metrics below, Prometheus text", ""),
    }
    return ("path", "200", "503"), [(f"`{path}`", *about[path]) for path in (*answers._PATHS, "/metrics")]


def numbers() -> Table:
    said = {
        "first restart": "at once",
        "wait before the second restart in a row": f"{supervision.FIRST_WAIT_S:g} s, doubled each time",
        "longest wait; also between tries while a request is unanswered": f"{supervision.CEILING_S:g} s",
        "healthy for so long, the next failure is a first one again": (
            f"{supervision.HEALTHY_SPELL_S:g} s, unless the penalty is {damping.FLAPPING:g} or more"
        ),
        "penalty": f"{damping.FAILURE:g} for each failure, halved every {damping.HALF_LIFE_S:g} s",
        "permit read": f"every {watchers.PERMIT_WAITING_S:g} s while waiting, every {watchers.PERMIT_RUNNING_S:g} s while running",
        "Auto Scaling's target state read": f"every {watchers.TARGET_STATE_S:g} s",
        "report": f"at every change, and every {REPORT_EVERY_S:g} s",
        "longest time between two cycles": f"{cycle.CYCLE_S_MAX:g} s",
        "no cycle completed for so long: `/livez` 503, HA port FAILED": f"{cycle.STUCK_AFTER_S:g} s (systemd's watchdog kills at 10 s)",
        "leaving: from the first reason to the last kill": f"{node_leaving.LEAVE_BUDGET_S:g} s",
        "cannot tell whether a run lives: a replacement is asked for": (
            f"after {node_running.CANNOT_TELL_S:g} s, again every {node_running.ASK_AGAIN_S:g} s"
        ),
        "measures": f"every {MEASURE_EVERY_S:g} s; every {MEASURE_CLOSELY_S:g} s with thresholds or counters",
        "one that nobody probes counts as up after": f"{operators.SETTLED_S:g} s (for `online`)",
        "hosts file looked at": f"every {hosts.LOOK_EVERY_S:g} s",
        "addresses looked up": f"every {address_watch.LOOK_EVERY_S:g} s; the hook may take {address_watch.COMMAND_S:g} s",
        "`monitor` when refused": f"asks again for {monitoring.REFUSED_S:g} s; its limit is {monitoring.TIMEOUT_S:g} s unless given",
        "`online`, `offline`, `clean`": f"{acting.TIMEOUT_S:g} s unless given",
    }
    return ("what", "number"), list(said.items())


def places() -> Table:
    rows = [
        (f"{names.NODE_HOME}/current", "the bundle: `agent/` with its `vendor`, and `agent.json`, the settings"),
        (f"{names.NODE_ETC}/agent.env", "the agent's environment: table, bucket, settings, front"),
        (f"/etc/systemd/system/{names.NODE_UNIT}", "the unit; `systemctl status` shows phase, verdict and reason"),
        (
            f"{names.NODE_STATE}/{state_file.NOTES_FILE}",
            "which runs there are, their failures, what operators hold down",
        ),
        (f"{names.NODE_STATE}/{state_file.FILE}", "the epoch that was given up here; never remove it"),
        (f"{names.NODE_STATE}/{mark.MARK_FILE}", "whose the folder of state is that lies on this disk, where it is kept on S3"),
        (f"/run/understudy/{mark.SAVED_FILE}", "what is saved of it, for applications to read: `$UNDERSTUDY_SAVED`"),
        (control_socket.DEFAULT_PATH, "the local socket that `why` and the scripts ask; root alone"),
        (f"{counting.FOLDER}/NAME.sock", "the counters' socket of an application; open to its user alone"),
    ]
    return ("place on the node", "what it is"), [(f"`{place}`", about) for place, about in rows]


# --- metrics --------------------------------------------------------------------------------------------------------


class _Everything:
    """agent.ports.Holder, as far as metrics look: a node with one application of which all is known."""

    def status(self) -> Mapping[str, Any]:
        keys = [key for key, _, _ in metrics._GAUGES]
        agent = [key for key, _, _ in (*metrics._AGENT_COUNTERS, *metrics._AGENT_GAUGES)]
        measures = dict.fromkeys([*keys, *(f"{resource}_pressure" for resource in metrics._PRESSURES)], 0.0)
        application = {"verdict": Verdict.HEALTHY, "restarts": 0, "measures": measures}
        node: dict[str, Any] = {"epoch": 1, "phase": Phase.RUNNING, "verdict": Verdict.HEALTHY}
        state = [key for key, _, _ in (*metrics._STATE_COUNTERS, *metrics._STATE_GAUGES)]
        node["state"] = dict.fromkeys(state, 0.0)
        return {**node, "agent": dict.fromkeys(agent, 0.0), "applications": {"ledger": application}}

    def is_stuck(self) -> bool:
        return False


def all_metrics() -> Table:
    families = metrics._families(_Everything(), lambda: ())  # type: ignore[arg-type]  # as far as it is looked at
    rows = []
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = ", ".join(f"`{label}`" for label in getattr(family, "_labelnames", ()))
        rows.append((f"`{name}`", family.type, _unit(name), labels, family.documentation))
    return ("metric", "type", "unit", "labels", "meaning"), rows


def _unit(name: str) -> str:
    match = re.search(r"_(seconds|bytes|ratio|cores)(?:_total)?$", name)
    return match[1] if match is not None else ""


NUMBERS = {"ports": ports, "paths": paths, "numbers": numbers, "places": places, "metrics": all_metrics}
