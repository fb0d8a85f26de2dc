"""As much of LDAP as PostgreSQL asks with: a simple bind, and its answer (https://www.rfc-editor.org/rfc/rfc4511)."""

from __future__ import annotations

from dataclasses import dataclass

SUCCESS, INVALID_CREDENTIALS = 0, 49
_SEQUENCE, _INTEGER, _TEXT, _ENUMERATED = 0x30, 0x02, 0x04, 0x0A
_BIND, _BOUND, _SIMPLE = 0x60, 0x61, 0x80


class NoBind(ValueError):
    """Not a simple bind; such as the goodbye that follows one."""


@dataclass(frozen=True, slots=True)
class Bind:
    """name: what the server was told to ask about. password: as the client gave it."""

    id: int
    name: str
    password: str


def size_of(head: bytes) -> int | None:
    """Bytes of the message that begins so; None while that cannot be told. Raises NoBind."""
    if len(head) < 2:
        return None
    if head[0] != _SEQUENCE:
        raise NoBind("not a message of LDAP")
    if head[1] < 0x80:
        return 2 + head[1]
    count = head[1] & 0x7F
    if not 1 <= count <= 3:
        raise NoBind("a message without a length, or of too great a one")
    return 2 + count + int.from_bytes(head[2 : 2 + count]) if len(head) >= 2 + count else None


def parse_bind(message: bytes) -> Bind:
    """Raises NoBind."""
    (id_, _), (body, _) = _parts(_part(message, _SEQUENCE), _INTEGER, _BIND)
    (_, _), (name, _), (password, _) = _parts(body, _INTEGER, _TEXT, _SIMPLE)
    try:
        return Bind(int.from_bytes(id_), name.decode(), password.decode())
    except UnicodeDecodeError as error:
        raise NoBind("name or password is no text") from error


def bound(bind: Bind, code: int) -> bytes:
    """The answer to it: SUCCESS or another code."""
    body = _written(_ENUMERATED, bytes([code])) + _written(_TEXT, b"") * 2
    number = bind.id.to_bytes(max(1, (bind.id.bit_length() + 8) // 8))
    return _written(_SEQUENCE, _written(_INTEGER, number) + _written(_BOUND, body))


def _written(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([0x82]) + size.to_bytes(2)
    return bytes([tag]) + length + content


def _parts(content: bytes, *tags: int) -> list[tuple[bytes, int]]:
    found, at = [], 0
    for tag in tags:
        body = _part(content[at:], tag)
        head = _head(content[at:])
        at += head + len(body)
        found.append((body, tag))
    return found


def _head(element: bytes) -> int:
    return 2 if element[1] < 0x80 else 2 + (element[1] & 0x7F)


def _part(element: bytes, tag: int) -> bytes:
    if len(element) < 2 or element[0] != tag:
        raise NoBind(f"expected an element of kind {tag:#x}")
    start = _head(element)
    size = element[1] if start == 2 else int.from_bytes(element[2:start])
    if len(element) < start + size:
        raise NoBind("an element that is longer than its message")
    return element[start : start + size]
