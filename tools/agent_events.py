"""The lines of the agent's log, found in its source: every event that is said somewhere, and its keys."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

AGENT = Path(__file__).resolve().parents[1] / "agent"

MEANINGS = {
    "address-changed": "a name of `depends_on` resolves to other addresses than before",
    "address-hook": "`on_address_change` was run: how it ended, and its first line",
    "address-of-NAME-trouble": "that name cannot be looked up; its last address is kept, and nothing is run",
    "address-of-NAME-well-again": "it can be looked up again",
    "adopted": "an application that a former agent started goes on as this one's",
    "ask-replacement": "the node asks for another machine, and goes on trying",
    "bye": "the agent ends; `running` is what it leaves running",
    "cannot-tell": "it cannot be known whether a former run lives: nothing is started, a replacement is asked for",
    "clean": "an operator had it killed; it is held down",
    "cleaned": "what ran of an application that the settings no longer have was ended",
    "control-trouble": "the local socket cannot be opened; tried again every ten seconds",
    "control-well-again": "it is open",
    "database-answers": "the database answers again, the first time after a silence",
    "database-files": "each application's files of the database were written, with the password of this moment",
    "database-silent": "asked because an application fails, the database does not answer: that application is busy, and not restarted",
    "database-trouble": "the password cannot be had, or its files cannot be written; nothing starts without, and what runs keeps its files",
    "database-well-again": "it can again",
    "evidence-trouble": "the log's last lines could not be put into the bucket",
    "failed": "a failure was counted; `again_in_s` until the next start",
    "front-interface": "the front's network interface is on this node and has its address and its way back",
    "front-interface-trouble": "it is attached, and cannot be configured or asked about; tried again",
    "front-interface-well-again": "it can again",
    "give-up": "the epoch was written down as given up; only now is it told",
    "give-up-trouble": "that could not be written; the permit is not released",
    "host-names-unknown": "names that mean the front, on a node that knows no front: left out",
    "host-names-written": "the hosts file's block was written: renamed into place, or in place where it is mounted alone",
    "hosts-file-trouble": "the hosts file cannot be written; tried again every half minute",
    "hosts-file-well-again": "it can again",
    "http-trouble": "the token file or a renewed certificate cannot be used",
    "kept-left-out": "what lies in the folder of state and is not kept: sockets, pipes, devices, other file systems",
    "kept-open": "the state was found and claimed under this permit, and restored, begun or gone on with; only now anything starts",
    "kept-saved-last": "after everything had stopped, the state was saved once more",
    "kept-superseded": "the bucket refused a save, for another node has claimed the state under a higher epoch: this one stops",
    "kept-trouble": "the state cannot be opened, or a save failed; what runs goes on, and it is tried again",
    "kept-untidy": "what saves replaced could not be given back; tried again after a later save",
    "kept-well-again": "it can again",
    "left-alone": "something may run of an application that the settings no longer have, and it cannot be told what",
    "library": "asyncio or the AWS client complains, or a part of the agent failed inside them; `by` says who",
    "lines-dropped": "the journal took nothing for a while: so many lines are missing",
    "metadata-trouble": "the metadata service does not answer",
    "metadata-well-again": "it does again",
    "notes-trouble": "what a former agent wrote down cannot be read; the file is kept beside as evidence",
    "now": "the phase, the node's verdict or an application's has changed",
    "offline": "an operator took it down; it is held",
    "online": "an operator wants it up",
    "permit": "the permit in the table is another than before",
    "permit-trouble": "the permit cannot be read; what runs goes on",
    "permit-well-again": "it can again",
    "ready": "the agent has taken over, listens and begins",
    "report-trouble": "the table does not take the report or a request; what runs goes on",
    "report-well-again": "it does again",
    "runtime-trouble": "the folder of the local socket cannot be made; notes go to the disk alone",
    "start": "a run was begun",
    "state-trouble": "the state folder cannot be written, or its disk hangs; the agent goes on",
    "state-well-again": "it can again",
    "stop": "a run is being stopped, and why; `grace_s` 0 kills",
    "target-state": "Auto Scaling takes this node away",
    "told-to-stop": "SIGTERM; `machine_goes_down` says what becomes of the machine",
    "volume-closed": "nothing runs any more, and the state's volume is unmounted: another node may have it",
    "volume-open": "the state's volume is mounted: `how` it was found",
    "volume-trouble": "it is attached and cannot be mounted, or not be unmounted; tried again",
    "volume-well-again": "it can again",
    "warning": "something is said and nothing done: a threshold that reports, a limit that does not hold here",
}
# Of `Once`: the reason when it begins, nothing when it ends.
_ONCE = (("trouble", ("reason",)), ("well-again", ()))


def events() -> dict[str, tuple[str, ...]]:
    """By event, its keys beside those that every line has; those said in several places have the keys of all."""
    found: dict[str, dict[str, None]] = {}
    for path in sorted(AGENT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                for event, keys in _said(node):
                    found.setdefault(event, {}).update(dict.fromkeys(keys))
    return {event: tuple(keys) for event, keys in sorted(found.items())}


def _said(call: ast.Call) -> Iterator[tuple[str, tuple[str, ...]]]:
    function, keys = call.func, tuple(word.arg for word in call.keywords if word.arg is not None)
    if isinstance(function, ast.Name) and function.id == "Once" and len(call.args) == 2:
        for subject in _texts(call.args[1]):
            yield from ((f"{subject}-{end}", keys) for end, keys in _ONCE)
    elif isinstance(function, ast.Attribute) and function.attr in ("say", "_line") and call.args:
        # sd_notify and debug output of the scripts are said too, but not with keys, and not by the log.
        of_log = ast.unparse(function.value).rpartition(".")[2] in ("log", "_log") or function.attr == "_line"
        yield from ((event, keys) for event in (_texts(call.args[0]) if of_log else ()))
    elif isinstance(function, ast.Attribute) and ast.unparse(function) == "lines.append" and isinstance(call.args[0], ast.Tuple):
        yield from _said_later(*call.args[0].elts)


def _said_later(event: ast.expr, fields: ast.expr) -> Iterator[tuple[str, tuple[str, ...]]]:
    """A line that is kept until what it tells of was done: ("event", {"key": value})."""
    if isinstance(event, ast.Constant) and isinstance(fields, ast.Dict):
        yield str(event.value), tuple(str(key.value) for key in fields.keys if isinstance(key, ast.Constant))


def _texts(node: ast.expr) -> Iterator[str]:
    """What a text may be; a part that is only known when it runs is NAME. What the log itself passes on is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*_texts(node.body), *_texts(node.orelse))
    elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "NAME" for part in node.values)
