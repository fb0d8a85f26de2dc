"""DNS messages, as far as one name's IPv4 address goes: RFC 1035, section 4."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

_A, _IN = 1, 1
_HEADER = struct.Struct("!HHHHHH")
_QR, _AA, _RD, _RA = 0x8000, 0x0400, 0x0100, 0x0080
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
MESSAGE_BYTES = 512


@dataclass(frozen=True, slots=True)
class Question:
    """type: 1 is an IPv4 address. raw: the question as it was sent, to be sent back."""

    id: int
    name: str
    type: int
    raw: bytes

    @property
    def asks_for_address(self) -> bool:
        return self.type == _A


def ask(number: int, name: str) -> bytes:
    """A query for a name's IPv4 addresses."""
    labels = b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.rstrip(".").split("."))
    return _HEADER.pack(number, _RD, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", _A, _IN)


def read_question(message: bytes) -> Question:
    """Raises ValueError for what is no query with one question."""
    try:
        number, flags, questions, *_ = _HEADER.unpack_from(message)
        if flags & _QR or questions != 1:
            raise ValueError("no query with one question")
        labels, at = _labels(message, _HEADER.size)
        kind, _class = struct.unpack_from("!HH", message, at)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"cut short: {error}") from error
    return Question(number, ".".join(labels).lower(), kind, message[_HEADER.size : at + 4])


def answer(question: Question, *, ttl_s: int = 0, addresses: tuple[str, ...] = (), code: int = NOERROR) -> bytes:
    """The answer's names point at the question's, which stands right behind the header."""
    head = _HEADER.pack(question.id, _QR | _AA | _RD | _RA | code, 1, len(addresses), 0, 0)
    records = b"".join(
        struct.pack("!HHHIH", 0xC000 | _HEADER.size, _A, _IN, ttl_s, 4) + ipaddress.IPv4Address(address).packed for address in addresses
    )
    return head + question.raw + records


def read_answer(message: bytes, number: int) -> tuple[int, int, tuple[str, ...]]:
    """(code, least TTL in seconds, addresses). Raises ValueError for what does not answer that query."""
    try:
        found, flags, questions, count, *_ = _HEADER.unpack_from(message)
        if found != number or not flags & _QR:
            raise ValueError("the answer to another query")
        at = _HEADER.size
        for _ in range(questions):
            at = _labels(message, at)[1] + 4
        ttls, addresses = [], []
        for _ in range(count):
            at = _labels(message, at)[1]
            kind, _class, ttl_s, size = struct.unpack_from("!HHIH", message, at)
            at += 10 + size
            if kind == _A and size == 4:
                ttls.append(ttl_s)
                addresses.append(str(ipaddress.IPv4Address(message[at - 4 : at])))
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"cut short: {error}") from error
    return flags & 0x000F, min(ttls, default=0), tuple(addresses)


def _labels(message: bytes, at: int) -> tuple[list[str], int]:
    """A name's labels and where it ends; a pointer ends it and is not followed: nobody here needs the name behind it."""
    labels: list[str] = []
    while (size := message[at]) != 0:
        if size & 0xC0:
            return labels, at + 2
        labels.append(message[at + 1 : at + 1 + size].decode("ascii"))
        at += 1 + size
    return labels, at + 1
