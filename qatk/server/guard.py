"""What stands before the routes: who may ask, how much, for how long, and what browsers are told of every answer."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from qatk.errors import counted
from qatk.server.gauges import Gauges, log
from qatk.server.limits import Limits

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = ("/", "/docs", "/openapi.json", "/health")
"""What can be read without a token: none of it says anything of texts, questions or models."""
MODEL = "qatk.model"
"""Where in the scope of a request the name of the model stands that it asks."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


class Refusal(Exception):
    """A request that is not answered.

    Args:
        status: of HTTP.
        what: is wrong.
        where: in the request.
        fix: what the client can do.
        headers: to add.
    """

    def __init__(
        self,
        status: int,
        what: str,
        *,
        where: str | None = None,
        fix: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.headers = status, dict(headers or {})
        self.body = {"error": what, "where": where, "fix": fix}
        super().__init__(what)


class Guard:
    """An ASGI application around another.

    Args:
        app: that answers.
        limits: of body and time.
        gauges: what is counted.
        token: that all but :data:`OPEN` needs; without one, only names of this machine are answered to, so that no
            site can reach a server on it through a browser.
        logging: whether each request gets a line of the log.

    Attributes:
        draining: whether the server ends.
        under_way: requests that are being answered.
        finished: requests that have come to their end since the server ends.
        cut: requests that the server left behind.
    """

    def __init__(self, app: App, limits: Limits, gauges: Gauges, token: str | None, *, logging: bool = False) -> None:
        self.app, self.limits, self.gauges, self.token, self.logging = app, limits, gauges, token, logging
        self.draining = False
        self.under_way = self.finished = self.cut = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            return
        method = scope["method"]
        if method == "HEAD":  # uvicorn leaves the body out
            scope = {**scope, "method": "GET"}
        began, status = time.perf_counter(), ""

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
                message["headers"] = self._with_headers(message.get("headers", ()))
            await send(message)

        self.under_way += 1
        try:
            self._admit(scope)
            if scope["method"] == "POST":
                await self._post(scope, await self._body(scope, receive), receive, sending)
            else:
                await self.app(scope, receive, sending)
        except Refusal as refusal:
            await _answer(refusal, sending)
        except _Left:
            self.gauges.left.inc()
            status = status or "left"
        except asyncio.CancelledError:
            status = "cut"
            raise
        finally:
            self._count(scope, method, status or "500", time.perf_counter() - began)

    def _count(self, scope: Scope, method: str, status: str, seconds: float) -> None:
        """A request that is over."""
        route, model = getattr(scope.get("route"), "path", "other"), scope.get(MODEL, "")
        self.under_way -= 1
        self.cut += status == "cut"
        self.finished += self.draining and status != "cut"
        self.gauges.requests.labels(route, status).inc()
        self.gauges.seconds.labels(route, model).observe(seconds)
        if self.logging:
            log(f"{_address(scope['client'])} {method[:20]} {route} {status} {1000 * seconds:.0f} {model or '-'}")

    def _with_headers(self, given: Any) -> list[tuple[bytes, bytes]]:
        names = {name.lower() for name, _ in given}
        added = {**HEADERS, **({"connection": "close"} if self.draining else {})}
        return [*given, *((n.encode(), v.encode()) for n, v in added.items() if n.encode() not in names)]

    def _admit(self, scope: Scope) -> None:
        """Raise :class:`Refusal` where this client may not ask this."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.token is None and _name(host) not in LOOPBACK:
            fix = "ask it by localhost or 127.0.0.1, or give it a token, which makes it answer to any name"
            raise Refusal(421, f"this server is not {host or 'named'}", fix=fix)
        own = origin is None or _site(origin) == host or headers.get("sec-fetch-site") == "same-origin"
        if scope["method"] == "POST" and not own:
            fix = f"a proxy must pass on the Host header, which is {host!r} here and not that of {origin!r}"
            raise Refusal(403, "a page of another site may not ask this server", where="origin", fix=fix)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if self.token is not None and (path not in OPEN or scope["method"] == "POST"):
            kind, _, given = headers.get("authorization", "").partition(" ")
            right = hmac.compare_digest(given.strip().encode("latin-1"), self.token.encode())
            if kind.lower() != "bearer" or not right:
                told = {"www-authenticate": "Bearer"}
                raise Refusal(401, "this server needs its token", fix="send Authorization: Bearer TOKEN", headers=told)
        if scope["method"] == "POST":
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                raise Refusal(415, "the body is not called JSON", where="content-type", fix="send application/json")
            length = headers.get("content-length", "")
            if length.isdecimal() and int(length) > self.limits.body:
                raise self._too_large()

    def _too_large(self) -> Refusal:
        return Refusal(413, f"the body has more than {counted(self.limits.body, 'byte')}", fix="send less at once")

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body, of a client that sends it in time."""
        found, end = bytearray(), time.monotonic() + self.limits.seconds
        while True:
            try:
                message = await asyncio.wait_for(receive(), end - time.monotonic())
            except asyncio.TimeoutError:
                what = f"the body did not come within {self.limits.seconds:g} seconds"
                raise Refusal(408, what, headers={"connection": "close"}) from None
            if message["type"] == "http.disconnect":
                raise _Left
            found += message.get("body", b"")
            if len(found) > self.limits.body:
                raise self._too_large()
            if not message.get("more_body", False):
                return bytes(found)

    async def _post(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """Answer, unless the client goes away before."""
        given = [body]

        async def replay() -> Message:
            if given:
                return {"type": "http.request", "body": given.pop(), "more_body": False}
            return await asyncio.Event().wait() and {}  # never: whether the client is there is watched here

        answering = asyncio.ensure_future(self.app(scope, replay, send))
        leaving = asyncio.ensure_future(receive())
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        if not answering.done():
            answering.cancel()
            with suppress(asyncio.CancelledError):
                await answering
            raise _Left
        await answering


class _Left(Exception):
    """The client is gone."""


async def _answer(refusal: Refusal, send: Send) -> None:
    body = json.dumps(refusal.body).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **refusal.headers}
    told = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": told})
    await send({"type": "http.response.body", "body": body})


def _address(client: tuple[str, int] | None) -> str:
    """The address of a client; ``-`` where a proxy says something else."""
    with suppress(ValueError):
        if client is not None:
            return str(ipaddress.ip_address(client[0]))
    return "-"


def _site(origin: str) -> str | None:
    """Host and port of an ``Origin`` header; ``None`` where it is malformed."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _name(host: str) -> str:
    """The name in a ``Host`` header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
