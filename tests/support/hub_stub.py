"""A hub on the loopback interface: the requests that fetching files takes, and those that publishing a model takes.

Files are published as to a hub without Xet: the client is told HF_HUB_DISABLE_XET=1.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_" + "AbCdEf0123456789" * 2
"""Of the user ``someone``, with the right to write."""


class Hub(ThreadingHTTPServer):
    """Serves ``repositories`` (name to files); ``busy/set`` is never ready, ``asked/set`` is gated.

    With :data:`TOKEN`, repositories of ``someone`` can be made and written to; those made ``private`` can only be read
    with it.
    """

    def __init__(self, repositories: dict[str, dict[str, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = repositories
        self.private: set[str] = set()
        self.uploads: dict[str, bytes] = {}
        self.log: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(repositories: dict[str, dict[str, bytes]]) -> Iterator[Hub]:
    with Hub(repositories) as hub:
        Thread(target=hub.serve_forever, args=[0.02], daemon=True).start()
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

    def files_of(self, name: str) -> dict[str, bytes] | None:
        """The files of a repository that the client may see."""
        return None if name in self.server.private and self.user() is None else self.server.repositories.get(name)

    def user(self) -> str | None:
        return "someone" if self.headers.get("Authorization") == f"Bearer {TOKEN}" else None

    def answer_api(self, name: str, rest: str) -> None:
        files = self.files_of(name)
        revision = re.match(r"/(?:revision|tree)/([^/]+)", rest)
        if files is None:
            self.reply(404, error="RepoNotFound")
        elif revision and revision[1] not in ("main", COMMIT):
            self.reply(404, error="RevisionNotFound")
        elif rest.startswith("/tree"):
            self.say([_entry(path, data) for path, data in files.items()])
        elif rest == "" or rest.startswith("/revision"):
            siblings = [{"rfilename": path} for path in files]
            self.say({"id": name, "sha": COMMIT, "siblings": siblings, "tags": []})
        else:
            self.reply(404, error="EntryNotFound")

    def answer_file(self, name: str, revision: str, path: str) -> None:
        files = self.files_of(name)
        if files is None:
            self.reply(404, error="RepoNotFound")
        elif revision not in ("main", COMMIT):
            self.reply(404, error="RevisionNotFound")
        elif path not in files:
            self.reply(404, error="EntryNotFound")
        else:
            self.reply(200, files[path], etag=_oid(files[path]))

    def take(self) -> None:
        """A request that writes."""
        path, body = unquote(urlsplit(self.path).path), self.body()
        self.server.log.append(f"{self.command} {path}")
        if part := re.fullmatch(r"/uploads/(\w+)", path):  # where the hub sends the client, without its token
            held = hashlib.sha256(body).hexdigest() == part[1] and "Authorization" not in self.headers
            self.server.uploads[part[1]] = body
            self.reply(200 if held else 400)
        elif path == "/api/validate-yaml":
            self.look_at(json.loads(body)["content"])
        elif self.user() is None:
            self.reply(401)
        elif path == "/api/repos/create":
            self.make(json.loads(body))
        elif found := re.fullmatch(r"(?:/api/models)?/(\w[\w.-]*/[\w-]+)[./](.*)", path):
            self.write(found[1], found[2], body)
        else:
            self.reply(404)

    def look_at(self, card: str) -> None:
        head = yaml.safe_load(card.split("---")[1])
        fits = isinstance(head, dict) and head.get("license", "mit") in ("mit", "apache-2.0")
        faults = [] if fits else [{"message": '"license" must be one of [mit, apache-2.0]'}]
        self.say({"errors": faults, "warnings": []}, 200 if fits else 400)

    def make(self, asked: dict[str, Any]) -> None:
        owner, name = asked.get("organization") or "someone", asked["name"]
        if owner == "busy":
            self.reply(503)
        elif owner != "someone":
            self.say({"error": "You don't have the rights to create a model under this namespace"}, 403)
        elif f"{owner}/{name}" in self.server.repositories:
            self.say({"error": "You already created this model repo"}, 409)
        else:
            self.server.repositories[f"{owner}/{name}"] = {}
            if asked.get("visibility") == "private" or asked.get("private"):
                self.server.private.add(f"{owner}/{name}")
            self.say({"url": f"{self.server.url}/{owner}/{name}"})

    def write(self, name: str, rest: str, body: bytes) -> None:
        """One of the requests of a commit: how each file is to be sent, where to send large ones, and the commit."""
        files = self.server.repositories.get(name)
        if files is None:
            self.reply(404, error="RepoNotFound")
        elif not name.startswith("someone/"):
            self.reply(403)
        elif name.endswith("/falls-over") and rest.startswith("commit/"):
            self.reply(500)
        elif rest.startswith("preupload/"):
            modes = [
                {"path": f["path"], "uploadMode": "lfs" if f["path"].endswith(".safetensors") else "regular"}
                for f in json.loads(body)["files"]
            ]
            self.say({"files": [{**mode, "shouldIgnore": False} for mode in modes]})
        elif rest == "git/info/lfs/objects/batch":
            wanted = [
                {**item, "actions": {"upload": {"href": f"{self.server.url}/uploads/{item['oid']}"}}}
                for item in json.loads(body)["objects"]
            ]
            self.say({"transfer": "basic", "objects": wanted})
        else:
            self.commit(files, [json.loads(line) for line in body.splitlines()])
            self.say({"commitUrl": f"{self.server.url}/{name}/commit/{COMMIT}", "commitOid": COMMIT, "success": True})

    def commit(self, files: dict[str, bytes], lines: list[dict[str, Any]]) -> None:
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "deletedFile":
                del files[value["path"]]
                continue
            sent = base64.b64decode(value["content"]) if line["key"] == "file" else self.server.uploads[value["oid"]]
            files[value["path"]] = sent

    def body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def say(self, value: object, status: int = 200) -> None:
        self.reply(status, json.dumps(value).encode())

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
    do_POST = do_PUT = take  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Keep standard error for the tests."""


def _oid(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def _entry(path: str, data: bytes) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": len(data), "oid": _oid(data)}
