"""Adapter: the token by which IAM lets a node into the database, signed by the node for itself: no call to AWS, no password anywhere."""

from __future__ import annotations

import time
from collections.abc import Callable

import botocore.session
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError

from agent.aws import Service
from core.database import TOKEN_LIFE_S, Credentials, Whereabouts

# A program that read its file a moment ago has two thirds of a token's life to connect with it.
RENEWED_AFTER_S = TOKEN_LIFE_S / 3


class SignedTokens:
    """agent.ports.Passwords by IAM (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html).

    A token is good for TOKEN_LIFE_S and no longer than the credentials that signed it. Those of an instance's role are exchanged by
    botocore a quarter of an hour before they end, so that a token made meanwhile lives its whole life.
    """

    def __init__(self, at: Whereabouts, user: str, region: str, *, now: Callable[[], float] = time.time) -> None:
        self._at, self._user, self._region, self._now = at, user, region, now
        self._service = Service(botocore.session.Session)
        self._last: Credentials | None = None

    def credentials(self) -> Credentials:
        now = self._now()
        last = self._last
        if last is not None and last.expires_at is not None and now < last.expires_at - TOKEN_LIFE_S + RENEWED_AFTER_S:
            return last
        with self._service.use("sign a token for the database") as session:
            keys = session.get_credentials()
            if keys is None:
                raise NoCredentialsError
            where = f"{self._at.host}:{self._at.port}/"
            request = AWSRequest("GET", f"https://{where}", params={"Action": "connect", "DBUser": self._user})
            SigV4QueryAuth(keys.get_frozen_credentials(), "rds-db", self._region, expires=round(TOKEN_LIFE_S)).add_auth(request)
        # A token is a presigned address without its scheme.
        self._last = Credentials(user=self._user, password=str(request.url).removeprefix("https://"), expires_at=now + TOKEN_LIFE_S)
        return self._last
