"""IAM database authentication: who comes with a token instead of a password, and whether its policies let it in.

On RDS PostgreSQL asks a PAM module of Amazon's; here it asks by LDAP, which every PostgreSQL speaks, and this answers as IAM would:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from lab.policy.enforce import allowed
from lab.policy.presigned import verify_presigned
from lab.policy.signature import BadSignature
from lab.rds.ldap import INVALID_CREDENTIALS, SUCCESS, Bind, NoBind, bound, parse_bind, size_of
from lab.world import ACCOUNT, REGION, World

TOKEN_S_MAX = 900  # "Each token has a lifetime of 15 minutes."
_MESSAGE_BYTES_MAX = 65536
_PATIENCE_S = 10.0
log = logging.getLogger("lab.rds")


@dataclass(frozen=True, slots=True)
class Door:
    """One instance's: its endpoint, and the id by which policies name it."""

    host: str
    port: int
    resource: str


class Denied(Exception):
    """Why a token does not open; the client hears only that it does not."""


def check(world: World, door: Door, user: str, token: str) -> str:
    """Let one in, or not: gives the role. Raises Denied.

    The address is the instance's own endpoint and port, for one user, in one region; what was signed for another opens nothing here.
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html says which resource must be allowed.
    """
    try:
        signed = verify_presigned(f"https://{token}", world.principals, now=world.clock.now(), expires_max_s=TOKEN_S_MAX)
    except (BadSignature, ValueError) as error:
        raise Denied(str(error)) from error
    if (signed.service, signed.region) != ("rds-db", REGION):
        raise Denied(f"signed for {signed.service} in {signed.region}")
    if (signed.host.lower(), signed.path) != (f"{door.host.lower()}:{door.port}", "/"):
        raise Denied(f"signed for {signed.host}{signed.path}, not {door.host}:{door.port}")
    if dict(signed.asks) != {"Action": "connect", "DBUser": user}:
        raise Denied(f"signed for {dict(signed.asks)}, not for {user}")
    resource = f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:{door.resource}/{user}"
    ruling = allowed(world, signed.who.role_arn, "rds-db:connect", resource)
    if not ruling.allowed:
        raise Denied(ruling.why)
    return signed.who.role_arn


class Listener:
    """Answers PostgreSQL's question by LDAP, one thread for each. `doors`: by the word before the user's name."""

    def __init__(self, world: World, address: str) -> None:
        self._world = world
        self.doors: dict[str, Door] = {}
        self._socket = socket.create_server((address, 0))
        self.address, self.port = self._socket.getsockname()
        threading.Thread(target=self._accept, name="iam for databases", daemon=True).start()

    def close(self) -> None:
        # A shutdown wakes the thread that waits in accept(); a close alone does not.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                asker, _ = self._socket.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._answer, args=(asker,), daemon=True).start()

    def _answer(self, asker: socket.socket) -> None:
        with asker:
            asker.settimeout(_PATIENCE_S)
            try:
                bind = parse_bind(_read(asker.recv))
                asker.sendall(bound(bind, SUCCESS if self._opens(bind) else INVALID_CREDENTIALS))
                asker.recv(64)  # its goodbye
            except (NoBind, OSError) as error:
                log.info("a question of a database was not understood: %s", error)

    def _opens(self, bind: Bind) -> bool:
        identifier, _, user = bind.name.partition("/")
        door = self.doors.get(identifier)
        try:
            if door is None:
                raise Denied(f"{identifier} takes no tokens")
            role = check(self._world, door, user, bind.password)
        except Denied as error:
            self._world.journal.say("rds", f"{identifier}: {user} refused: {error}", database=identifier, user=user)
            return False
        self._world.journal.say("rds", f"{identifier}: {user} let in by its token", database=identifier, user=user, role=role)
        return True


def _read(receive: Callable[[int], bytes]) -> bytes:
    """One whole message. Raises NoBind, OSError."""
    found = b""
    while True:
        size = size_of(found)
        if size is not None and len(found) >= size:
            return found[:size]
        if size is not None and size > _MESSAGE_BYTES_MAX:
            raise NoBind("a message that is too long")
        more = receive(4096)
        if not more:
            raise NoBind("it ended in the middle")
        found += more
