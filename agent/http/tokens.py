"""The bearer token that opens what changes something (RFC 6750): kept in a file, compared in constant time, never told."""

from __future__ import annotations

import hmac
import os
import stat
from pathlib import Path

TOKEN_CHARS_MIN = 16
TOKEN_BYTES_MAX = 4096
_SCHEME = b"bearer "


class BadToken(Exception):
    """The token file cannot be trusted: names the file and why, never what is in it."""


def read_token(path: str) -> bytes:
    """The token. Read for each request that needs it, so that a new one counts at once. Raises BadToken."""
    try:
        with Path(path).open("rb") as file:
            about = os.fstat(file.fileno())
            text = file.read(TOKEN_BYTES_MAX + 1)
    except OSError as error:
        raise BadToken(f"token file {path}: {error.strerror}") from error
    if not stat.S_ISREG(about.st_mode):
        raise BadToken(f"token file {path} is no regular file")
    if stat.S_IMODE(about.st_mode) & 0o077:
        raise BadToken(f"token file {path} has mode {stat.S_IMODE(about.st_mode):04o}: others must not read it, use 0600")
    if about.st_uid not in (0, os.geteuid()):
        raise BadToken(f"token file {path} belongs to uid {about.st_uid}: use root or the agent's own user")
    token = text.strip()
    if not TOKEN_CHARS_MIN <= len(token) <= TOKEN_BYTES_MAX:
        raise BadToken(f"token file {path} holds {len(token)} bytes: use {TOKEN_CHARS_MIN} to {TOKEN_BYTES_MAX}")
    return token


def opens(authorization: bytes, token: bytes) -> bool:
    """Does this value of the Authorization header carry the token."""
    if authorization[: len(_SCHEME)].lower() != _SCHEME:
        return False
    return hmac.compare_digest(authorization[len(_SCHEME) :].strip(), token)
