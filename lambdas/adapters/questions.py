"""Short questions to thousands of ports at once: connect, say something, take the first line, hang up; one thread, bounded descriptors.

asyncio's streams take three times the processor for the same, and their timers may win against an answer that has already arrived:
where a function is given a third of a core, a prober that is late itself would call its nodes silent. Here what has arrived
is always read before anything is called late.
"""

from __future__ import annotations

import errno
import heapq
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

LINE_BYTES_MAX = 512  # an answer is a line; more is not read
# No fault of the node's: this side has no descriptor, port or memory left.
_OUR_TROUBLE = {errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_EVENTS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET


@dataclass(frozen=True, slots=True)
class Question:
    """host: an IPv4 address. or_in_tls: whom this gets no such beginning of an answer from, without TLS, is asked again in TLS."""

    host: str
    port: int
    said: bytes
    or_in_tls: bytes = b""


@dataclass(frozen=True, slots=True)
class Heard:
    """line: the first one, b"" when the other side hung up without a word. trouble: why there is none, in a few words.

    hung_up: the trouble is that the other side took the connection and threw it away, or spoke no TLS.
    """

    line: bytes = b""
    trouble: str = ""
    hung_up: bool = False


@dataclass(slots=True)
class _Talk:
    """One question on its way. deadline_s: on the monotonic clock, of both attempts together."""

    index: int
    question: Question
    deadline_s: float
    socket: socket.socket
    tls: _Tls | None = None
    sent: bool = False
    got: bytes = b""


@dataclass(slots=True)
class _Tls:
    """A node is known by its address in its deployable's own network; a name to check there is none."""

    incoming: ssl.MemoryBIO = field(default_factory=ssl.MemoryBIO)
    outgoing: ssl.MemoryBIO = field(default_factory=ssl.MemoryBIO)
    session: ssl.SSLObject = field(init=False)

    def __post_init__(self) -> None:
        self.session = _any_certificate().wrap_bio(self.incoming, self.outgoing)


@cache
def _any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def ask(questions: Sequence[Question], *, timeout_s: float, at_once: int, now_s: Callable[[], float] = time.monotonic) -> list[Heard]:
    """What each was answered, in their order. timeout_s: for connecting and answering, from when its turn comes."""
    return _Asking(questions, timeout_s, at_once, now_s).all()


class _Asking:
    def __init__(self, questions: Sequence[Question], timeout_s: float, at_once: int, now_s: Callable[[], float]) -> None:
        self._questions, self._timeout_s, self._at_once, self._now_s = questions, timeout_s, at_once, now_s
        self._heard = [Heard() for _ in questions]
        self._open: dict[int, _Talk] = {}  # by descriptor
        self._due: list[tuple[float, int, _Talk]] = []  # a heap by deadline; some are over already
        self._next = self._made = 0

    def all(self) -> list[Heard]:
        with select.epoll() as poll:
            self._poll = poll
            try:
                while self._open or self._next < len(self._questions):
                    self._begin()
                    self._hear()
            finally:
                for talk in self._open.values():
                    talk.socket.close()
        return self._heard

    def _begin(self) -> None:
        while self._next < len(self._questions) and len(self._open) < self._at_once:
            index, self._next = self._next, self._next + 1
            self._connect(index, self._now_s() + self._timeout_s)

    def _connect(self, index: int, deadline_s: float, tls: _Tls | None = None) -> None:
        """Raises OSError only when this side has no means for it."""
        question = self._questions[index]
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        talk = _Talk(index, question, deadline_s, connection, tls)
        try:
            connection.connect((question.host, question.port))
        except BlockingIOError:
            pass
        except OSError as error:
            connection.close()
            if error.errno in _OUR_TROUBLE:
                raise
            self._heard[index] = Heard(trouble=_words(error))
            return
        self._open[connection.fileno()] = talk
        self._poll.register(connection, _EVENTS)
        self._made += 1  # in TLS the same question has the same deadline again
        heapq.heappush(self._due, (deadline_s, self._made, talk))

    def _hear(self) -> None:
        while self._due and self._due[0][2].socket.fileno() < 0:
            heapq.heappop(self._due)
        wait_s = max(0.0, self._due[0][0] - self._now_s()) if self._due else 0.0
        ready = self._poll.poll(wait_s, max(1, len(self._open)))
        polled_s = self._now_s()
        for descriptor, events in ready:
            talk = self._open[descriptor]
            try:
                line = self._go_on(talk, events)
            except (ConnectionResetError, BrokenPipeError, ssl.SSLError) as error:
                self._end(talk, Heard(trouble=_words(error), hung_up=True))
            except (OSError, ValueError) as error:
                self._end(talk, Heard(trouble=_words(error)))
            else:
                if line is not None:
                    self._end(talk, Heard(line))
        # Whoever answered before this poll was heard above, however late this process itself is.
        while self._due and self._due[0][0] <= polled_s:
            talk = heapq.heappop(self._due)[2]
            if talk.socket.fileno() >= 0:
                self._close(talk)
                self._heard[talk.index] = Heard(trouble=f"no answer within {self._timeout_s:g} s")

    def _go_on(self, talk: _Talk, events: int) -> bytes | None:
        """The line, once it is there. An edge is told of once, so that everything there is to do is done."""
        connection = talk.socket
        if events & select.EPOLLERR:
            number = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            raise OSError(number, os.strerror(number))
        if talk.tls is None and not talk.sent:
            connection.send(talk.question.said)
            talk.sent = True
        ended = self._take_in(talk) if events & (select.EPOLLIN | select.EPOLLRDHUP) else False
        if talk.tls is not None:
            _in_tls(talk, talk.tls, ended)
        if b"\n" in talk.got:
            return talk.got.partition(b"\n")[0]
        if len(talk.got) > LINE_BYTES_MAX:
            raise ValueError(f"a line of more than {LINE_BYTES_MAX} bytes")
        return talk.got if ended else None

    def _take_in(self, talk: _Talk) -> bool:
        """All that has arrived, or more of it than a line may have; whether it was the last."""
        while len(talk.got) <= LINE_BYTES_MAX:
            try:
                data = talk.socket.recv(4096)
            except BlockingIOError:
                return False
            if not data:
                return True
            if talk.tls is None:
                talk.got += data
            else:
                talk.tls.incoming.write(data)
            if b"\n" in talk.got:
                break
        return False

    def _end(self, talk: _Talk, heard: Heard) -> None:
        """Whoever said something else than was wanted, or hung up, may be one who expects TLS."""
        self._close(talk)
        self._heard[talk.index] = heard
        wanted = talk.question.or_in_tls
        if wanted and talk.tls is None and (heard.hung_up or not heard.trouble) and not heard.line.startswith(wanted):
            self._connect(talk.index, talk.deadline_s, _Tls())

    def _close(self, talk: _Talk) -> None:
        del self._open[talk.socket.fileno()]
        talk.socket.close()


def _in_tls(talk: _Talk, tls: _Tls, ended: bool) -> None:
    """Shake hands as far as it goes, ask, and read. Raises ssl.SSLError."""
    if ended:
        tls.incoming.write_eof()
    try:
        if not talk.sent:
            tls.session.do_handshake()
            tls.session.write(talk.question.said)
            talk.sent = True
        while len(talk.got) <= LINE_BYTES_MAX:
            data = tls.session.read(LINE_BYTES_MAX)
            if not data:
                break
            talk.got += data
    except ssl.SSLWantReadError:
        pass
    finally:
        data = tls.outgoing.read()
        if data:
            talk.socket.send(data)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:100]
