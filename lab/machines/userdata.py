"""User data as cloud-init takes it: a script, plain, compressed or in base64; anything else is refused by name."""

from __future__ import annotations

import base64
import binascii
import zlib

SCRIPT_BYTES_MAX = 1 << 20  # after decompression


class UserDataError(Exception):
    """The lab cannot run this user data; the text says why."""


def script(data: bytes) -> bytes | None:
    """The script to run; None when there is no user data. Raises UserDataError.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html: scripts begin with `#!`.
    https://cloudinit.readthedocs.io/en/latest/explanation/format.html: gzip is undone first.
    """
    if not data.strip():
        return None
    plain = _unwrapped(data)
    if plain.startswith(b"#!"):
        return plain
    first = plain.split(b"\n", 1)[0][:60].decode(errors="replace")
    raise UserDataError(f"user data begins with {first!r}: the lab runs scripts only, which begin with #!")


def _unwrapped(data: bytes) -> bytes:
    if not data.startswith((b"#", b"\x1f\x8b")):
        try:
            data = base64.b64decode(b"".join(data.split()), validate=True)
        except binascii.Error:
            return data
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        engine = zlib.decompressobj(wbits=31)
        plain = engine.decompress(data, SCRIPT_BYTES_MAX + 1)
    except zlib.error as error:
        raise UserDataError(f"user data looks like gzip and is not: {error}") from error
    if len(plain) > SCRIPT_BYTES_MAX:
        raise UserDataError(f"user data unpacks to more than {SCRIPT_BYTES_MAX} bytes")
    return plain
