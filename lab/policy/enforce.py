"""The gate in front of the emulator: who calls, is the signature true, do the policies allow it?"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from werkzeug.wrappers import Response

from lab.policy.asks import asks
from lab.policy.conditions import PolicyError
from lab.policy.denial import refuse
from lab.policy.directory import EmulatorDirectory, role_policies
from lab.policy.keys import role_may
from lab.policy.matching import Ask, Ruling, rule
from lab.policy.requests import UnknownCall, read
from lab.policy.signature import BadSignature, parse, verify
from lab.principals import ADMIN_KEY, Credentials
from lab.world import World


def install(world: World) -> None:
    """Nothing to patch: lab.server asks check() for every request."""


def start(world: World) -> None:
    """No thread of its own."""


@lru_cache(maxsize=4)
def _directory(world_id: int, world: World) -> EmulatorDirectory:
    return EmulatorDirectory(world)


def allowed(world: World, role_arn: str, action: str, resource: str, context: Mapping[str, tuple[str, ...]] | None = None) -> Ruling:
    """Judge one action of a role without a request: what AWS does in a role's name (event source mappings)."""
    policies = role_policies(role_arn)
    if policies is None:
        return Ruling(False, f"the role {role_arn} does not exist")
    return rule(policies, Ask(action, resource, dict(context or {})))


def headers_of(environ: Mapping[str, Any]) -> dict[str, str]:
    """Lower-case header names of a WSGI environment."""
    headers = {key[5:].replace("_", "-").lower(): str(value) for key, value in environ.items() if key.startswith("HTTP_")}
    for key, name in (("CONTENT_TYPE", "content-type"), ("CONTENT_LENGTH", "content-length")):
        if environ.get(key):
            headers[name] = str(environ[key])
    return headers


def check(world: World, environ: Mapping[str, Any], body: bytes) -> Response | None:
    """None to let a request through, or the refusal that AWS would answer.

    The deployer's key is let through. A key that was never issued, a wrong signature, an expired
    token and a call that the role's policies do not allow are refused as AWS refuses them. What
    the lab cannot judge is an error of the lab: 501, and a line in the journal.
    """
    headers = headers_of(environ)
    auth = parse(headers.get("authorization", ""))
    if auth is None or auth.access_key == ADMIN_KEY:
        return None
    who = world.principals.find(auth.access_key)
    if who is None:
        return refuse(auth.service, headers, "The security token included in the request is invalid", code="InvalidClientTokenId")
    raw = urlsplit(str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ.get("PATH_INFO", "/")))
    method, path, query = str(environ["REQUEST_METHOD"]), raw.path, str(environ.get("QUERY_STRING", ""))
    try:
        _check_token(who, headers, world)
        verify(auth, who.secret_key, method=method, raw_path=path, query=query, headers=headers, body=body, now=world.clock.now())
    except BadSignature as error:
        world.journal.say("policy", "signature refused", role=who.role_arn, session=who.session, why=str(error))
        return refuse(auth.service, headers, str(error), code=error.code)
    try:
        call = read(auth.service, method=method, path=path, query=query, headers=headers, body=body)
        wanted = asks(call, _directory(id(world), world))
        policies = role_policies(who.role_arn)
        rulings = [_judged(who.role_arn, policies or [], ask) for ask in wanted]
    except (UnknownCall, PolicyError, KeyError) as error:
        why = f"{type(error).__name__}: {error}"
        world.journal.say("policy", "lab error", role=who.role_arn, session=who.session, why=why, trace=traceback.format_exc(limit=4))
        return refuse(auth.service, headers, f"the lab cannot judge this call: {why}", code="LabCannotJudge", status=501)
    denied = [ruling.why for ruling in rulings if not ruling.allowed]
    if not denied:
        return None
    role = who.role_arn.rsplit("/", 1)[-1]
    message = f"User: arn:aws:sts:::assumed-role/{role}/{who.session} is not authorized to perform this because {'; '.join(denied)}"
    world.journal.say("policy", "denied", role=role, session=who.session, call=f"{call.service}:{call.operation}", why=denied)
    return refuse(auth.service, headers, message)


def _judged(role_arn: str, policies: list[Mapping[str, Any]], ask: Ask) -> Ruling:
    return role_may(role_arn, policies, ask) if ask.action.startswith("kms:") else rule(policies, ask)


def _check_token(who: Credentials, headers: Mapping[str, str], world: World) -> None:
    if headers.get("x-amz-security-token") != who.token:
        raise BadSignature("InvalidClientTokenId", "The security token included in the request is invalid")
    if world.clock.now() >= who.expires_at:
        raise BadSignature("ExpiredToken", "The security token included in the request is expired")
