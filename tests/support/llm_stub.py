"""A language model on the loopback interface: the chat completions of OpenAI's interface, answered by rule."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Semaphore, Thread
from typing import Any


class LanguageModelStub(ThreadingHTTPServer):
    """Answers a prompt with the first three words of its context; ``troubles`` come first, a status each.

    A trouble of -1 is none, 0 closes the connection, 1 answers with a page in place of JSON. While ``silent`` is not
    set, no request is answered; ``arrived`` counts all of them.
    """

    def __init__(self, key: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.key, self.troubles = key, list[int]()
        self.asked: list[dict[str, Any]] = []
        self.arrived, self.silent = Semaphore(0), Event()
        self.silent.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


@contextmanager
def language_model(key: str = "") -> Iterator[LanguageModelStub]:
    with LanguageModelStub(key) as stub:
        Thread(target=stub.serve_forever, daemon=True).start()
        try:
            yield stub
        finally:
            stub.shutdown()


class _Handler(BaseHTTPRequestHandler):
    server: LanguageModelStub
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.arrived.release()
        self.server.silent.wait()
        given = self.headers.get("Authorization", "")
        if self.server.key and given != f"Bearer {self.server.key}":
            return self.reply(401, {"error": {"message": f"wrong key: {given}"}})
        if body["model"] != "stub":
            return self.reply(404, {"error": {"message": f"no model {body['model']}"}})
        if (trouble := self.server.troubles.pop(0) if self.server.troubles else None) == 0:
            self.close_connection = True
            return None
        if trouble == 1:
            return self.reply(200, "<html>welcome</html>")
        if trouble is not None and trouble > 0:
            return self.reply(trouble, {"error": {"message": "not now"}})
        self.server.asked.append(body)
        said = re.search(r"Context: (\S+ \S+ \S+)", body["messages"][0]["content"])
        message = {"role": "assistant", "content": f" {said[1] if said else 'none'}\n"}
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return self.reply(
            200,
            {"id": "1", "object": "chat.completion", "created": 0, "model": "stub", "choices": choices, "usage": usage},
        )

    def reply(self, status: int, value: Any) -> None:
        content = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if isinstance(value, str) else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Retry-After-Ms", "1")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass
