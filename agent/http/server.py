"""HTTP/1.1 on a socket: h11 keeps the grammar, agent.serving and agent.connection the bounds, agent.http.answers knows the words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus

import h11

from agent.connection import Connection
from agent.http import answers, tokens
from agent.http.answers import LOOKING, Action, Answer, said
from agent.http.tls import Certificate
from agent.metrics import Ports, metrics_text
from agent.ports import Holder, Trouble
from agent.serving import Server
from core.model import Http

CONNECTIONS_MAX = 256
HEAD_BYTES_MAX = 8192  # as common servers have it
BODY_BYTES_MAX = 4096  # of a request: nothing here reads one, and a client that sends a little is not scolded for it
HEAD_TIMEOUT_S = 5.0  # from its first byte to its end: a client that drips is not waited for
KEEP_ALIVE_S = 15.0  # between two requests
REQUESTS_MAX = 1000  # on one connection: then it opens another
ACTION_S_MAX = 900.0  # a stop that drains takes its time
ACTIONS_AT_ONCE = 8
_END = h11.EndOfMessage()
HEADS_KEPT = 64  # of a second's answers


class HttpServer(Server):
    """Answers for one holder. Without a token file nothing that changes something exists."""

    def __init__(
        self, holder: Holder, http: Http = Http(), *, ports: Ports = lambda: (), trouble: Callable[[str], None] = lambda text: None
    ) -> None:
        """ports: those that /metrics counts. trouble: told what people must mend, the token file or the certificate.

        Raises BadSettings.
        """
        tls = None
        if http.certificate is not None and http.key is not None:
            tls = Certificate(http.certificate, http.key, now_s=time.monotonic, trouble=trouble).context
        super().__init__("HTTP", _HttpConnection, connections_max=CONNECTIONS_MAX, idle_s=KEEP_ALIVE_S, tls=tls)
        self.holder, self.ports, self.trouble, self.token_file = holder, ports, trouble, http.token_file
        self.requests = 0  # since the start
        self._acting: set[asyncio.Task[None]] = set()
        self._date = (0, b"")
        self._heads: dict[tuple[Answer, bool], h11.Response] = {}
        self._complained = ""  # of the token file

    def date(self) -> bytes:
        """For the Date header, which RFC 9110 6.6.1 asks of whoever has a clock."""
        now_s = int(time.time())
        if self._date[0] != now_s:
            self._date = (now_s, formatdate(now_s, usegmt=True).encode())
            self._heads.clear()
        return self._date[1]

    def head(self, answer: Answer, *, last: bool) -> h11.Response:
        """Of an answer; within a second the same for all who are told the same, for h11 checks each header anew."""
        date = self.date()
        known = self._heads.get((answer, last))
        if known is not None:
            return known
        headers = [
            (b"Date", date),
            (b"Content-Type", answer.kind),
            (b"Content-Length", b"%d" % len(answer.body)),
            (b"Cache-Control", b"no-store"),
            *answer.headers,
        ]
        if last:
            headers.append((b"Connection", b"close"))
        made = h11.Response(status_code=answer.code.value, headers=headers, reason=answer.code.phrase.encode())
        if len(self._heads) < HEADS_KEPT:
            self._heads[answer, last] = made
        return made

    def token(self, path: str) -> bytes:
        """Raises BadToken, and says why once while it stays the same: whoever asks must not be able to fill the log."""
        try:
            token = tokens.read_token(path)
        except tokens.BadToken as error:
            if str(error) != self._complained:
                self._complained = str(error)
                self.trouble(str(error))
            raise
        self._complained = ""
        return token

    def act(self, action: Action, answer: Callable[[Answer], None]) -> bool:
        """Begin it; `answer` is called when it is done. It goes on when the client has left, for half an action helps nobody."""
        if len(self._acting) >= ACTIONS_AT_ONCE:
            return False

        async def act() -> None:
            try:
                done = await getattr(self.holder, action.verb)(action.application)
            except Trouble as trouble:
                answer(said(HTTPStatus.CONFLICT, {"error": str(trouble)}))
            else:
                answer(said(HTTPStatus.OK, {"done": done}))

        task = self._loop.create_task(act(), name=f"{action.verb} {action.application}, asked over HTTP")
        self._acting.add(task)
        task.add_done_callback(self._acting.discard)
        return True


class _HttpConnection(Connection):
    __slots__ = ("_acting", "_between", "_h11", "_request", "_requests")
    server: HttpServer

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        self._request: h11.Request | None = None
        self._requests = 0
        self._between = True  # nothing of the next request has come yet
        self._acting = False

    def patience_s(self) -> float:
        if self._acting:
            return ACTION_S_MAX
        return KEEP_ALIVE_S if self._between else HEAD_TIMEOUT_S

    def received(self, data: bytes) -> None:
        if self._between:
            self._between = False
            self.heard()  # the time for its head begins
        self._h11.receive_data(data)
        self._go_on()

    def eof_received(self) -> bool:
        """Keep the way back open while something is being done for it."""
        return self._acting

    def resumed(self) -> None:
        self._go_on()

    def _go_on(self) -> None:
        """Answer what is there whole, one after the other (pipelining), while the other side reads."""
        while not (self.slow or self._acting or self.lingering is not None or self.transport.is_closing()):
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                self._write(said(HTTPStatus(error.error_status_hint), {"error": str(error)}), last=True)
                return
            if isinstance(event, h11.Request):
                self._request = event
                if not _small(event):
                    self._write(said(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": f"body over {BODY_BYTES_MAX} bytes"}), last=True)
                    return
                if self._h11.they_are_waiting_for_100_continue:  # RFC 9110 10.1.1: it sends its body only after this word
                    self.transport.write(self._h11.send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")) or b"")
            elif isinstance(event, h11.EndOfMessage):
                self._answer()
                if self._between:
                    return
            elif not isinstance(event, h11.Data):
                return  # more must come first

    def _answer(self) -> None:
        assert self._request is not None
        self.server.requests += 1
        self.heard()
        method, path = self._request.method, _path(self._request.target)
        action = answers.action(path) if self.server.token_file is not None else None
        if action is not None:
            self._act(method, action)
        elif method in LOOKING:
            answer = answers.look(path, self.server.holder, self._metrics)
            self._write(answer if answer is not None else answers.not_found())
        elif answers.action(path) is not None:
            self._write(answers.not_found())
        else:
            self._write(answers.only(*LOOKING))

    def _act(self, method: bytes, action: Action) -> None:
        """Only with the token, and only by POST."""
        assert self._request is not None
        assert self.server.token_file is not None
        authorization = next((value for name, value in self._request.headers if name == b"authorization"), b"")
        try:
            token = self.server.token(self.server.token_file)
        except tokens.BadToken:
            self._write(said(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "the token file cannot be used; the agent's log says why"}))
            return
        if not tokens.opens(authorization, token):
            self._write(said(HTTPStatus.UNAUTHORIZED, {"error": "a bearer token is needed"}, (b"WWW-Authenticate", b"Bearer")))
        elif method != b"POST":
            self._write(answers.only(b"POST"))
        elif action.application not in self.server.holder.view().applications:
            self._write(said(HTTPStatus.NOT_FOUND, {"error": f"no application {action.application[:80]!r}"}))
        elif self.server.act(action, self._done):
            self._acting = True
            self.transport.pause_reading()
        else:
            self._write(said(HTTPStatus.TOO_MANY_REQUESTS, {"error": "too much is being done already"}))

    def _done(self, answer: Answer) -> None:
        self._acting = False
        if not self.transport.is_closing():
            self.heard()
            self._write(answer)
            if not self.transport.is_closing():
                self.transport.resume_reading()
                self._go_on()

    def _metrics(self) -> Answer:
        text, kind = metrics_text(self.server.holder, self.server.ports)
        return Answer(HTTPStatus.OK, text, kind)

    def _write(self, answer: Answer, *, last: bool = False) -> None:
        """The whole answer; then the next request, or the end."""
        head = self._request is not None and self._request.method == b"HEAD"
        self._requests += 1
        if self._state() not in (h11.IDLE, h11.SEND_RESPONSE):
            self.dismiss()  # it went wrong after the answer: there is no place for another
            return
        parts = [
            self._h11.send(self.server.head(answer, last=last or self._requests >= REQUESTS_MAX)),
            b"" if head else self._h11.send(h11.Data(data=answer.body)),
            self._h11.send(_END),
        ]
        self._request = None
        self.transport.write(b"".join(part for part in parts if part))
        if self._state() is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
            self._between = not self._h11.trailing_data[0]
        elif not last and self._requests < REQUESTS_MAX and self._h11.trailing_data == (b"", False):
            self.transport.close()  # by its own wish, and nothing of it is unread: there is nothing to linger for
        else:
            self.dismiss()

    def _state(self) -> object:
        return self._h11.our_state


def _path(target: bytes) -> str:
    """Without its query. Also of the absolute form, which is meant for proxies and must be understood (RFC 9112 3.2.2)."""
    scheme, _, rest = target.partition(b"://")
    if scheme.lower() in (b"http", b"https"):
        target = b"/" + rest.partition(b"/")[2]
    return target.partition(b"?")[0].decode("ascii", "replace")


def _small(request: h11.Request) -> bool:
    for name, value in request.headers:
        if name == b"transfer-encoding":
            return False
        if name == b"content-length":
            return int(value) <= BODY_BYTES_MAX
    return True
