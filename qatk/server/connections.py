"""Connections: what a slow client may cost, and how a server ends without losing what it took."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from qatk.errors import counted
from qatk.server.gauges import log
from qatk.server.guard import Guard
from qatk.server.limits import Limits
from qatk.server.proxies import Proxied
from qatk.signals import handling

LINGER = 1.0
"""Seconds for which a server that ends answers on connections that are open, telling clients to close them."""
GRACE = 5
"""Seconds beyond the limit of time that a server which ends leaves to what it took."""
_NO_SYN = (0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF)
"""A BPF program over a TCP segment: load its flags (byte 13), drop it if SYN is set (RFC 9293, 3.1), else keep it."""
_SO_ATTACH_FILTER = 26
"""Of Linux (socket(7)); Python has no name for it."""


class Connection(H11Protocol):
    """A connection that is closed where nothing goes on for too long: no whole head of a request, an answer unread.

    How long it may be idle between two requests is not its concern, but its parent's.
    """

    _clock: asyncio.TimerHandle | None = None
    _answered = False  # and no other request has begun

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Expect a request."""
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """A part of a request."""
        if self._answered:
            self._answered = False
            self._stop()
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """An answer was written, and should be read."""
        super().on_response_complete()
        self._answered = True
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to watch any more."""
        super().connection_lost(exc)
        self._stop()

    def _watch(self) -> None:
        """Let the clock run while the client is due to do something; the guard watches over bodies."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._clock is None:
            self._clock = self.loop.call_later(self.config.timeout_notify, self._end)

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _end(self) -> None:
        self._clock = None
        unread = self.transport.get_write_buffer_size()
        if unread or not (self._answered or self.transport.is_closing()):
            self.transport.abort()


def open_no_more(listener: socket.socket) -> None:
    """Let the kernel drop the first segment of each new connection, and keep those that it has begun to open.

    The close of a listener resets what it has not accepted, so that a connection which opens between the last accept
    and the close would be lost. A client whose segment is dropped sends it again, and is refused then. Where the system
    is not Linux nothing is done.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _NO_SYN))
    with suppress(OSError):  # of a system that calls itself Linux
        filled = struct.pack("HP", len(_NO_SYN), ctypes.addressof(program))
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filled)


class Server(uvicorn.Server):
    """A server that ends by SIGTERM, SIGINT or SIGHUP in good order; a second SIGTERM or SIGINT ends it at once.

    Args:
        app: the routes.
        limits: of time.
        ready: called when it takes requests.
        proxies: those that are believed, see :class:`Proxied`.
    """

    def __init__(self, app: Guard, limits: Limits, ready: Callable[[], None], proxies: Sequence[str] = ()) -> None:
        self.guard, self.ready = app, ready
        self._quiet_until = 0.0
        super().__init__(
            uvicorn.Config(
                Proxied(app, proxies) if proxies else app,
                http=Connection,
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=limits.keep_alive,
                timeout_notify=max(1, round(limits.seconds)),  # for Connection: nothing is notified
                timeout_graceful_shutdown=round(limits.seconds) + GRACE,
            )
        )

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Take requests until a signal ends it, and say what became of those that it took last."""
        super().run(sockets)
        log(f"ended: {counted(self.guard.finished, 'request')} finished, {self.guard.cut} cut off")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take requests."""
        asyncio.get_running_loop().set_exception_handler(self._note)
        await super().startup(sockets)
        self.ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what was taken: what waits to be accepted, what comes on open connections, then the rest."""
        self.guard.draining = True
        log(f"ending: {counted(self.guard.under_way, 'request', 'is')} under way")
        for listener in sockets or []:
            open_no_more(listener)
        await self._accept_rest(sockets or [])
        for server in self.servers:
            server.close()
        end = time.monotonic() + LINGER
        while self.server_state.connections and time.monotonic() < end and not self.force_exit:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """Say once a second that there are too many connections, of which asyncio tells thousands of times."""
        said, error = str(context["message"]), context.get("exception")
        if not isinstance(error, OSError) or "out of system resource" not in said:
            if not (self.should_exit and "_start_serving" in said):  # of a listener that has closed
                loop.default_exception_handler(context)
        elif loop.time() > self._quiet_until:
            self._quiet_until = loop.time() + 1
            log(f"error: no more connections can be opened: {error.strerror} (ulimit -n says how many)")

    async def _accept_rest(self, listeners: list[socket.socket]) -> None:
        """Accept what waits, and let it begin: that is a turn of the loop later, and after a close it would be lost."""
        quiet, end = 0, time.monotonic() + LINGER
        while quiet < 2 and time.monotonic() < end and not self.force_exit:
            await asyncio.sleep(0)
            quiet = 0 if select.select(listeners, [], [], 0)[0] else quiet + 1
        if quiet < 2:
            for listener in listeners:
                asyncio.get_running_loop().remove_reader(listener)
            await asyncio.sleep(0)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals end the server, and are otherwise as before when it has ended."""
        hangup = [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN else []  # as under nohup
        with handling(self.handle_exit, signal.SIGINT, signal.SIGTERM, *hangup):
            yield

    @property
    def forced_by(self) -> int | None:
        """The signal that ended it at once."""
        return self._captured_signals[-1] if self.force_exit else None

    def handle_exit(self, sig: int, frame: object) -> None:
        """End, or end at once; a terminal that closes and systemd send SIGHUP beside another signal."""
        if self.should_exit and sig == signal.SIGHUP:
            return
        self._captured_signals.append(sig)
        if self.should_exit:
            self.force_exit = True
            logging.getLogger("uvicorn.error").disabled = True  # that requests are cut short is meant
        self.should_exit = True
