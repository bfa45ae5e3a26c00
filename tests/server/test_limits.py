"""A token, full queues, slow clients and clients that go away."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlsplit

from serving import QUESTION, TEXT, TOKEN, Server, figure, send, until

KEY = {"authorization": f"Bearer {TOKEN}"}
ASKED = {"question": QUESTION, "context": TEXT}


def connect(server: Server) -> socket.socket:
    address = urlsplit(server.url)
    return socket.create_connection((str(address.hostname), address.port or 80), timeout=20)


def head(length: int) -> bytes:
    lines = ("POST /answer HTTP/1.1", "Host: x", "Content-Type: application/json", f"Authorization: Bearer {TOKEN}")
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()


def _closed(client: socket.socket) -> bool:
    """Whether the other side ends the connection, without a word."""
    try:
        return client.recv(10) == b""
    except ConnectionResetError:
        return True


def test_nothing_is_answered_without_the_token(strict: Server) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}, {"authorization": "Bearer \xe9"}):
        found = send(strict.url, body=ASKED, headers=headers)
        assert (found.status, found.headers["www-authenticate"]) == (401, "Bearer")
        assert send(strict.url, "/models", headers=headers).status == 401
        assert send(strict.url, "/metrics", headers=headers).status == 401
    for path in ("/", "/docs", "/openapi.json", "/health"):
        assert send(strict.url, path).status == 200
    assert send(strict.url, "/models", headers={**KEY, "host": "example.org"}).status == 200
    assert send(strict.url, "/openapi.json").json["security"] == [{"token": []}]
    assert "Authorization: Bearer $QATK_TOKEN" in send(strict.url, "/docs").body.decode()


def test_a_proxy_is_believed_where_the_server_is_told_of_it(strict: Server, server: Server) -> None:
    said = {"host": "example.org", "x-forwarded-proto": "https", "x-forwarded-prefix": "/of/us/"}
    schema, page = (send(strict.url, path, headers=said) for path in ("/openapi.json", "/docs"))
    assert "curl https://example.org/of/us/answer -H" in page.body.decode()
    assert schema.json["servers"][-1] == {"url": "."}, "where the schema itself is"
    assert send(strict.url, "/models", headers=said).status == 401
    assert send(strict.url, body=ASKED, headers={**said, **KEY}).status == 200
    for prefix in ("//example.com", "us", "/<b>", "/?"):
        found = send(strict.url, "/docs", headers={**said, "x-forwarded-prefix": prefix})
        assert "curl https://example.org/answer -H" in found.body.decode()
    found = send(server.url, "/docs", headers={**said, "host": "localhost"})
    assert "curl http://localhost/answer -H" in found.body.decode()


def test_limits_are_those_that_were_given(strict: Server) -> None:
    for body, status in (
        ({**ASKED, "context": "c " * 1001}, 422),
        ({"questions": ["Who?"] * 5, "context": TEXT}, 422),
        ({**ASKED, "context": "c" * 20_000}, 413),
        ({**ASKED, "top_k": 101}, 422),
    ):
        assert send(strict.url, body=body, headers=KEY).status == status


def test_a_full_queue_and_a_late_answer_say_when_to_come_again(strict: Server) -> None:
    """One worker takes 0.6 s a request, for no two are alike enough for one batch; four may wait, for two seconds."""
    given_up = figure(strict.url, "qatk_questions_given_up_total", KEY)
    with ThreadPoolExecutor(12) as clients:
        bodies = [{**ASKED, "top_k": 1 + k} for k in range(12)]
        found = list(clients.map(lambda body: send(strict.url, body=body, headers=KEY), bodies))
    statuses = [response.status for response in found]
    assert set(statuses) == {200, 429, 503}
    assert statuses.count(429) >= 5
    for response in found:
        if response.status != 200:
            assert 1 <= int(response.headers["retry-after"]) <= 60
    until(lambda: figure(strict.url, "qatk_questions_given_up_total", KEY) > given_up)
    assert send(strict.url, body=ASKED, headers=KEY).status == 200


def test_a_slow_client_is_told_and_cut_off(strict: Server) -> None:
    body = json.dumps(ASKED).encode()
    with connect(strict) as slow, connect(strict) as slower, connect(strict) as silent:
        began = time.monotonic()
        slow.sendall(head(len(body)) + body[:10])
        slower.sendall(b"POST /answer HT")
        assert send(strict.url, body=ASKED, headers=KEY).status == 200, "others are answered meanwhile"
        said = b""
        while part := slow.recv(4096):
            said += part
        assert said.startswith(b"HTTP/1.1 408")
        for each in (slower, silent):
            assert _closed(each)
        assert 1.5 < time.monotonic() - began < 15


def test_an_idle_connection_stays_open_for_longer_than_a_request_may_take(strict: Server) -> None:
    address = urlsplit(strict.url)
    talk = HTTPConnection(str(address.hostname), address.port or 80, timeout=20)
    assert send(strict.url, "/health", connection=talk).status == 200
    assert talk.sock is not None
    before = talk.sock
    time.sleep(4)
    assert send(strict.url, "/health", connection=talk).status == 200
    assert talk.sock is before
    time.sleep(1)
    before.sendall(b"GET /health HT")
    assert _closed(before), "half a request is cut off"
    talk.close()


def test_a_client_that_goes_away_costs_no_more_work(strict: Server) -> None:
    left = figure(strict.url, "qatk_clients_left_total", KEY)
    for k in range(3):
        body = json.dumps({**ASKED, "top_k": 30 + k}).encode()
        with connect(strict) as client:
            client.sendall(head(len(body)) + body)
            time.sleep(0.05)
    with connect(strict) as client:
        client.sendall(head(100) + b"half of it")
    until(lambda: figure(strict.url, "qatk_clients_left_total", KEY) == left + 4)
    until(lambda: send(strict.url, "/health").json["waiting"] == 0)
    assert send(strict.url, body=ASKED, headers=KEY).status == 200
