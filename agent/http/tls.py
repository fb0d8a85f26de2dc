"""TLS for the agent's HTTP: a certificate that is taken up anew when its files change."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from core.settings import BadSettings

LOOK_AGAIN_S = 1.0


class Certificate:
    """Gives the context for the next connection. Files that cannot be read or do not fit leave the former certificate in use."""

    def __init__(self, certificate: str, key: str, *, now_s: Callable[[], float], trouble: Callable[[str], None]) -> None:
        """Raises BadSettings: the very first must be good."""
        self._paths = (certificate, key)
        self._now_s, self._trouble = now_s, trouble
        self._looked_at_s = now_s()
        self._seen = self._look()
        try:
            self._context = self._load()
        except (OSError, ValueError) as error:
            raise BadSettings(f"http.certificate {certificate} with http.key {key}: {error}") from error

    def context(self) -> ssl.SSLContext:
        if self._now_s() - self._looked_at_s >= LOOK_AGAIN_S:
            self._looked_at_s = self._now_s()
            seen = self._look()
            if seen != self._seen:
                self._seen = seen
                self._take_up()
        return self._context

    def _take_up(self) -> None:
        try:
            self._context = self._load()
        except (OSError, ValueError) as error:
            # Two files are not replaced at one moment: when the second has followed, they are looked at again.
            self._trouble(f"new certificate {self._paths[0]} not taken up: {error}")

    def _look(self) -> tuple[object, ...]:
        seen = []
        for path in self._paths:
            try:
                about = Path(path).stat()
                seen.append((about.st_mtime_ns, about.st_ino, about.st_size))
            except OSError:
                seen.append((0, 0, 0))
        return tuple(seen)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self._paths, password=_no_password)
        return context


def _no_password() -> str:
    raise ValueError("the key is encrypted: nobody is there to type its password")
