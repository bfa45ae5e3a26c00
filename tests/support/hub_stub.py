"""A hub on the loopback interface: the few requests that fetching files of a data set or a model takes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Serves ``repositories`` (name to files); ``busy/set`` is never ready, ``asked/set`` is gated."""

    def __init__(self, repositories: dict[str, dict[str, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = repositories
        self.log: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(repositories: dict[str, dict[str, bytes]]) -> Iterator[Hub]:
    with Hub(repositories) as hub:
        Thread(target=hub.serve_forever, daemon=True).start()
        try:
            yield hub
        finally:
            hub.shutdown()


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.log.append(f"{self.command} {path}")
        if "busy/set" in path:
            self.reply(503)
        elif "asked/set" in path:
            self.reply(403, error="GatedRepo")
        elif api := re.fullmatch(r"/api/(?:datasets|models)/([\w.-]+/[\w.-]+)(/.*)?", path):
            self.answer_api(api[1], api[2] or "")
        elif file := re.fullmatch(r"(?:/datasets)?/([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.*)", path):
            self.answer_file(*file.groups())
        else:
            self.reply(404)

    def answer_api(self, name: str, rest: str) -> None:
        files = self.server.repositories.get(name)
        revision = re.match(r"/(?:revision|tree)/([^/]+)", rest)
        if files is None:
            self.reply(404, error="RepoNotFound")
        elif revision and revision[1] not in ("main", COMMIT):
            self.reply(404, error="RevisionNotFound")
        elif rest.startswith("/tree"):
            self.reply(200, json.dumps([_entry(path, data) for path, data in files.items()]).encode())
        elif rest == "" or rest.startswith("/revision"):
            siblings = [{"rfilename": path} for path in files]
            self.reply(200, json.dumps({"id": name, "sha": COMMIT, "siblings": siblings, "tags": []}).encode())
        else:
            self.reply(404, error="EntryNotFound")

    def answer_file(self, name: str, revision: str, path: str) -> None:
        files = self.server.repositories.get(name)
        if files is None:
            self.reply(404, error="RepoNotFound")
        elif revision not in ("main", COMMIT):
            self.reply(404, error="RevisionNotFound")
        elif path not in files:
            self.reply(404, error="EntryNotFound")
        else:
            self.reply(200, files[path], etag=_oid(files[path]))

    def reply(self, status: int, body: bytes = b"", *, error: str = "", etag: str = "") -> None:
        self.send_response(status)
        headers = {"X-Error-Code": error, "ETag": f'"{etag}"' if etag else "", "X-Repo-Commit": COMMIT if etag else ""}
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = answer  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Keep standard error for the tests."""


def _oid(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def _entry(path: str, data: bytes) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": len(data), "oid": _oid(data)}
