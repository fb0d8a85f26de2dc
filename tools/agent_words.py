"""Tables of what the agent understands and answers: properties, words, exit codes. Each comes from the code that acts by it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from agent.runs.ocf_codes import ACTIVE, DEGRADED, WORDS, Code
from agent.scripts import acting, monitoring
from core.bounds import COUNTER_INTERVAL_S_MIN
from core.model import Verdict
from core.node import confidence
from core.node.ha_port import Told, View, answer, haproxy_words
from core.node.ha_properties import DEFAULTS, ENABLED, PORT, ha_from_properties
from core.settings import BadSettings

Row = tuple[str, ...]
Table = tuple[Row, Sequence[Row]]

# --- the properties mz.ha.* -----------------------------------------------------------------------------------------

_PROPERTIES = {
    "mz.ha.enabled": "whether there is an HA port and anything is counted",
    "mz.ha.host": "where the port listens",
    "mz.ha.port": "the port; mandatory when enabled",
    "mz.ha.log_file": "folder for the port's log; left out, no log",
    "mz.ha.interval": f"the window, in seconds; less than {COUNTER_INTERVAL_S_MIN:g} is raised to it, with a warning",
    "mz.ha.min_activations": "`activations` must grow by so much in the window",
    "mz.ha.min_activations_for_aborts": "aborts count only in a window with so many `activations`; needs a bound on aborts",
    "mz.ha.max_aborts": "`aborts` must not grow by more",
    "mz.ha.min_consumes": "`consumes` must grow by so much",
    "mz.ha.min_number_of_transactions": "`transactions` must grow by so much",
}


def ha_properties() -> Table:
    rows = [(f"`{key}`", f"`{default}`" if default else "", _bounds(key), _PROPERTIES[key]) for key, default in DEFAULTS.items()]
    return ("property", "default", "what it may be", "meaning"), rows


def _bounds(key: str) -> str:
    """As the refusal of nonsense says it."""
    try:
        ha_from_properties({ENABLED: "true", PORT: "7811", key: "?"})
    except BadSettings as error:
        return str(error).rpartition(": use ")[2]
    raise AssertionError(f"{key} may be anything")


# --- what is answered -----------------------------------------------------------------------------------------------


def words() -> Table:
    """Of an application's HA port and of monitor, for each verdict."""
    cases = [
        ("healthy", Told(Verdict.HEALTHY), True),
        ("busy", Told(Verdict.BUSY, "queue full"), True),
        ("failing", Told(Verdict.FAILING, "killed by SIGKILL"), True),
        ("unknown: it starts, say", Told(Verdict.UNKNOWN, "starting"), True),
        ("held offline by an operator", Told(Verdict.UNKNOWN, "held offline by an operator", held=True), True),
        ("the node waits for its permit", Told(Verdict.UNKNOWN, "no permit names this node yet"), False),
    ]
    rows = []
    for name, told, serves in cases:
        view = View(subject=told, applications={}, status={}, serves=serves)
        status = {"verdict": told.verdict.value, "held": told.held, "in_a_row": 0, "fall": 1}
        ping = answer("ping", view).text.strip()
        haproxy, (code, _) = haproxy_words(view), monitoring.judge(json.dumps(status), ping)
        rows.append((name, f"`{ping}`", f"`{haproxy}`" if haproxy else "(an empty line)", f"{code}"))
    return ("it is", "`ping`", "`haproxy`", "`monitor` exits"), rows


# --- exit codes -----------------------------------------------------------------------------------------------------


def exit_codes() -> Table:
    """Of monitor, for verdicts and what speaks against them; `n of fall` is for the fall counts people use."""
    when: dict[int, list[str]] = {}
    for verdict in (Verdict.HEALTHY, Verdict.BUSY):
        for fall in (2, 3, 5):
            for in_a_row in range(1, fall):
                code = confidence.monitor_code(verdict, in_a_row, fall)
                when.setdefault(code, []).append(f"{in_a_row} of {fall}")
    rows = [_code(code, when.get(code, [])) for code in range(confidence.HEALTHY, confidence.FAILED, -1)]
    rows.append((f"{confidence.monitor_code(Verdict.FAILING, 0, 1)}", "failing; or held offline; or the connection is refused", ""))
    rows.append(
        (f"{confidence.monitor_code(Verdict.UNKNOWN, 0, 1)}", "unknown: it cannot be told, no answer in time, or wrong arguments", "")
    )
    return ("exit code", "the application is", "such as, bad results in a row of `fall`"), rows


def _code(code: int, examples: list[str]) -> Row:
    if code == confidence.HEALTHY:
        return f"{code}", "healthy, and nothing speaks against it", "0"
    if code == confidence.BUSY:
        return f"{code}", "busy", "0"
    verdict = "healthy" if code > confidence.BUSY else "busy"
    return f"{code}", f"{verdict}, and results in a row begin to speak against it", ", ".join(examples)


def acting_codes() -> Table:
    rows = [
        (f"{acting.DONE}", "done"),
        (f"{acting.NOT_DONE}", "not done, the reason is on standard error; or wrong arguments"),
        (f"{acting.LATER_S}", "still under way, or no agent answered: look again after so many seconds"),
    ]
    return ("exit code", "meaning of `online`, `offline`, `clean`"), rows


def ocf_codes() -> Table:
    def made_of(code: int) -> str:
        if code in DEGRADED:
            return "active; as the answer to a start it is a failure"
        if code in ACTIVE:
            return "active"
        if code == Code.UNIMPLEMENTED:
            return "tells nothing"
        return "it has ended" if code == Code.NOT_RUNNING else "a bad result"

    return ("status", "meaning", "as the answer to monitor"), [(f"{int(code)}", WORDS[code], made_of(code)) for code in Code]


WORDS_AND_CODES = {
    "ha-properties": ha_properties,
    "words": words,
    "exit-codes": exit_codes,
    "acting-codes": acting_codes,
    "ocf-codes": ocf_codes,
}
