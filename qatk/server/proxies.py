"""What a server believes a proxy before it, and which proxies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from qatk.server.guard import App

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

_PREFIX = re.compile(r"(/[\w.~%-]+)+", re.ASCII)


class Proxied(ProxyHeadersMiddleware):
    """An application behind proxies that say who asks, by which protocol, and under which path it lies.

    Args:
        app: the application.
        proxies: the addresses and networks of those that are believed; others are not.
    """

    def __init__(self, app: App, proxies: Sequence[str]) -> None:
        super().__init__(cast("ASGI3Application", app), list(proxies))

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """As ASGI has it."""
        if scope["type"] == "http" and scope["client"] and scope["client"][0] in self.trusted_hosts:
            prefix = dict(scope["headers"]).get(b"x-forwarded-prefix", b"").decode("latin-1").rstrip("/")
            if _PREFIX.fullmatch(prefix):
                scope["root_path"], scope["path"] = prefix, prefix + scope["path"]
        await super().__call__(scope, receive, send)
