"""The drills' hands: break machines and the cloud itself, over HTTP under /_lab/, with a token."""

from __future__ import annotations

import hmac
import json
import subprocess
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response

from lab import control_cloud, control_machines, control_places, control_wires
from lab.control_machines import Verb, machines, resident_mb
from lab.control_token import TOKEN_FILE
from lab.ec2 import instances_of
from lab.ec2.spot import reclaim
from lab.world import World

TOKEN_HEADER = "HTTP_X_LAB_TOKEN"  # noqa: S105 - a header name


def handle(world: World, environ: Mapping[str, Any], body: bytes) -> Response:
    """POST /_lab/VERB with a JSON object; 403 without the token, 404 for a verb there is not, 400 for a bad argument."""
    path = world.lab_dir / TOKEN_FILE
    token = path.read_text() if path.exists() else ""
    if not token or not hmac.compare_digest(str(environ.get(TOKEN_HEADER, "")), token):
        return _answer(403, {"error": "the lab's control needs the token of its folder"})
    verb = str(environ.get("PATH_INFO", "")).removeprefix("/_lab/")
    act = _VERBS.get(verb)
    if act is None:
        return _answer(404, {"error": f"no such verb {verb!r}; there are {sorted(_VERBS)}"})
    try:
        arguments = json.loads(body or b"{}")
        return _answer(200, act(world, arguments))
    except (KeyError, ValueError, LookupError, OSError, subprocess.SubprocessError) as error:
        return _answer(400, {"error": f"{verb}: {type(error).__name__}: {error}"})


def _answer(status: int, value: Mapping[str, Any]) -> Response:
    return Response(json.dumps(value), status=status, content_type="application/json")


def _freeze(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    world.journal.say("drill", f"froze {a['instance']}", instance=a["instance"])
    machines(world).freeze(a["instance"])
    return {}


def _thaw(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    world.journal.say("drill", f"thawed {a['instance']}", instance=a["instance"])
    machines(world).thaw(a["instance"])
    return {}


def _link(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    world.journal.say("drill", f"link of {a['instance']} {'mended' if a['up'] else 'cut'}", instance=a["instance"])
    machines(world).set_link(a["instance"], up=bool(a["up"]))
    return {}


def _reclaim(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """EC2 wants a spot machine back: it is warned now and ended in two minutes."""
    reclaim(world, instances_of(world), str(a["instance"]))
    return {"at": world.clock.now()}


def _memory(_world: World, _arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Resident memory of the emulator itself."""
    return {"rss_mb": resident_mb("self")}


_VERBS: dict[str, Verb] = {
    **control_machines.VERBS,
    **control_wires.VERBS,
    **control_cloud.VERBS,
    **control_places.VERBS,
    "freeze": _freeze,
    "thaw": _thaw,
    "link": _link,
    "reclaim": _reclaim,
    "memory": _memory,
}
