"""The JSON interface and the hub's protocol: right answers, and one message for whatever cannot be answered."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings

import qatk
from commands import forked_python
from qatk.files import finite
from qatk.inference.model import AnsweringModel
from qatk.inference.reply import Reply
from serving import QUESTION, TEXT, Server, figure, send
from small import PLACES, THINGS

LONG = " ".join(
    f"The {thing} of {place} was built in {1200 + k}." for k, thing in enumerate(THINGS) for place in PLACES
)
ASKED = {"question": QUESTION, "context": TEXT}


def expected(reply: Reply, model: str) -> Any:
    return json.loads(json.dumps(finite({"promise": None, **reply.as_dict(), "model": model})))


def test_answers_are_those_of_the_model(server: Server, offline: dict[str, AnsweringModel]) -> None:
    found = send(server.url, body={**ASKED, "top_k": 3}).json
    assert found == expected(offline["plain"].answer(QUESTION, TEXT, top_k=3), "plain")
    both = send(server.url, body={"questions": [QUESTION, "Who?"], "context": LONG, "model": "pair"}).json["answers"]
    replies = offline["pair"].answers([QUESTION, "Who?"], [LONG, LONG])
    assert both == [expected(reply, "pair") for reply in replies]
    assert [len(answer["spans"]) for answer in both] == [2, 2]
    two = send(server.url, body={**ASKED, "model": "pair", "top_k": 20}).json
    shares = {(each["start"], each["end"]): each["probability"] for each in two["candidates"]}
    assert two["probability"] == pytest.approx(sum(shares[span["start"], span["end"]] for span in two["spans"]))
    many = send(server.url, body={"questions": [{"question": "Who?", "context": TEXT}, ASKED]}).json["answers"]
    assert many == [expected(offline["plain"].answer(q, TEXT), "plain") for q in ("Who?", QUESTION)]


def test_many_clients_get_the_answers_that_one_gets(server: Server, offline: dict[str, AnsweringModel]) -> None:
    """To the byte, however their questions were put together."""
    chance = random.Random(3)
    asked = [
        (f"When was the {thing} of {place} built?", " ".join(chance.choices(LONG.split(), k=chance.randrange(20, 300))))
        for thing in THINGS
        for place in PLACES
    ]
    batches, questions = (figure(server.url, f"qatk_batch_questions_{name}") for name in ("count", "sum"))
    with ThreadPoolExecutor(16) as clients:
        bodies = [{"question": question, "context": context} for question, context in asked]
        found = list(clients.map(lambda body: send(server.url, body=body).json, bodies))
    assert found == [expected(offline["plain"].answer(*pair), "plain") for pair in asked]
    batches, questions = (
        figure(server.url, f"qatk_batch_questions_{name}") - before
        for name, before in (("count", batches), ("sum", questions))
    )
    assert questions == len(asked)
    assert batches < questions


def test_models_health_and_metrics(server: Server) -> None:
    known = send(server.url, "/models").json
    promise = "at most 5 % of the answers are wrong, on data like dev (confidence 90 %)"
    assert [(model["name"], model["promise"]) for model in known["models"]] == [("plain", None), ("pair", promise)]
    assert send(server.url, body={**ASKED, "model": "pair"}).json["promise"] == promise
    assert known["models"][1]["components"]["decoder"] == "pair"
    assert known["limits"]["questions"] == 256
    assert send(server.url, "/health").json == {"status": "ok", "waiting": 0}
    counters = (
        'qatk_requests_total{route="/answer",status="200"}',
        'qatk_request_seconds_count{model="pair",route="/answer"}',
        'qatk_request_seconds_count{model="plain",route="/models/{name:path}"}',
    )
    before = [figure(server.url, name) for name in counters]
    send(server.url, body={**ASKED, "model": "pair"})
    send(server.url, "/models/plain", {"inputs": ASKED})
    assert [figure(server.url, name) for name in counters] == [count + 1 for count in before]
    assert figure(server.url, "process_resident_memory_bytes") > 1e7


HUB = """
import json, sys
from huggingface_hub import InferenceClient
url, question, context = sys.argv[1:]
limits = {"handle_impossible_answer": True, "max_answer_len": 3}
found = [
    InferenceClient(base_url=url).question_answering(question=question, context=context),
    InferenceClient(base_url=f"{url}/models/pair").question_answering(question=question, context=context, top_k=3),
    InferenceClient(base_url=url).question_answering(question, context, **limits),
]
print(json.dumps([[dict(one) for one in (each if isinstance(each, list) else [each])] for each in found]))
"""


def test_the_hubs_python_client_gets_right_answers(server: Server, offline: dict[str, AnsweringModel]) -> None:
    environ = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_TOKEN": ""}
    command = [forked_python(), "-c", HUB, server.url, QUESTION, TEXT]
    done = subprocess.run(command, capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stderr
    plain, pair = (qatk.pipeline(model=offline[name]) for name in ("plain", "pair"))
    one = plain(question=QUESTION, context=TEXT)
    three = pair(question=QUESTION, context=TEXT, top_k=3)
    none = plain(question=QUESTION, context=TEXT, handle_impossible_answer=True, max_answer_len=3)
    assert json.loads(done.stdout) == [[one], three, [none]]
    assert one["answer"] == TEXT[one["start"] : one["end"]]


def test_the_hubs_javascript_client_is_understood(server: Server, offline: dict[str, AnsweringModel]) -> None:
    """The bytes that @huggingface/inference 4.13 sends for ``endpoint(url).questionAnswering(...)``."""
    pair = json.dumps({"question": QUESTION, "context": TEXT}, separators=(",", ":"))
    headers = {"user-agent": "@huggingface/inference/4.13.30", "accept": "*/*", "sec-fetch-mode": "cors"}
    plain = qatk.pipeline(model=offline["plain"])
    found = send(server.url, "/", f'{{"inputs":{pair}}}'.encode(), headers)
    assert found.json == plain(question=QUESTION, context=TEXT)
    two = send(server.url, "/models/plain", f'{{"inputs":{pair},"parameters":{{"top_k":2}}}}'.encode(), headers)
    assert two.json == plain(question=QUESTION, context=TEXT, top_k=2)


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/answer", b"{", 400, "not JSON"),
        ("/answer", b'{"question": "\xff"}', 400, "not JSON in UTF-8"),
        ("/answer", bytes(range(256)), 400, "not JSON"),
        ("/answer", b"[" * 100_000, 400, "not JSON in UTF-8"),
        ("/answer", {}, 422, "question"),
        ("/answer", [1], 422, "should be an object"),
        ("/answer", {"question": " ", "context": TEXT}, 422, "question"),
        ("/answer", {**ASKED, "context": ""}, 422, "the text is blank"),
        ("/answer", {**ASKED, "context": "\x1c\x85\u2003"}, 422, "the text is blank"),
        ("/answer", {**ASKED, "question": "\ud800"}, 422, "should be a text in Unicode"),
        ("/answer", {**ASKED, "question": "q" * 10_001}, 422, "10,001 characters"),
        ("/answer", {**ASKED, "context": "c " * 500_001}, 422, "1,000,002 characters"),
        ("/answer", {**ASKED, "top_k": 0}, 422, "should be 1 or more"),
        ("/answer", {**ASKED, "top_k": 10**9}, 422, "1,000,000,000"),
        ("/answer", {**ASKED, "top_k": True}, 422, "should be a whole number"),
        ("/answer", {**ASKED, "k" * 100_000: 1}, 422, "known: context, model, question, top_k"),
        ("/answer", {**ASKED, "topk": 1}, 422, "did you mean 'top_k'"),
        ("/answer", {"questions": [{**ASKED, "contxt": TEXT}]}, 422, "did you mean 'context'"),
        ("/answer", {"questions": ["Who?"], "contexts": [TEXT]}, 422, "should be an object"),
        ("/answer", {**ASKED, "model": "plane"}, 404, "did you mean 'plain'"),
        ("/answer", {"questions": [], "context": TEXT}, 422, "questions"),
        ("/answer", {"questions": ["Who?"] * 257, "context": TEXT}, 422, "257 questions"),
        ("/answer", {"questions": ["Who?", ""], "context": TEXT}, 422, "questions.1"),
        ("/answer", {"questions": ["Who?"]}, 422, "questions.0"),
        ("/", {"inputs": ASKED, "parameters": {"doc_stride": 64, "max_seq_len": 32}}, 422, "doc_stride"),
        (
            "/",
            {"inputs": ASKED, "parameters": {"max_seq_len": 100_000}},
            422,
            '"parameters", "fix": "set max_seq_len to',
        ),
        ("/", {"inputs": ASKED, "parameters": {"top_k": 10**9}}, 422, "top_k"),
        ("/models/nobody", {"inputs": ASKED}, 404, "nobody"),
        ("/nowhere", {}, 404, "/docs"),
    ],
)
def test_what_cannot_be_answered_is_said(server: Server, path: str, body: object, status: int, words: str) -> None:
    found = send(server.url, path, body)
    assert (found.status, sorted(found.json)) == (status, ["error", "fix", "where"])
    assert words in found.body.decode()
    assert len(found.body) < 1000


def test_a_question_that_cannot_be_answered_costs_others_nothing(server: Server) -> None:
    """A window of 12 tokens has room for a short question only; both may be in one batch."""
    form = {"parameters": {"max_seq_len": 12, "max_question_len": 30, "doc_stride": 1}}
    bodies = [{"inputs": {**ASKED, "question": q}, **form} for q in ("Who?", QUESTION * 3) * 8]
    with ThreadPoolExecutor(16) as clients:
        statuses = list(clients.map(lambda body: send(server.url, "/", body).status, bodies))
    assert statuses == [200, 422] * 8


def test_requests_that_are_none_of_this_machine(server: Server) -> None:
    host = urlsplit(server.url).netloc
    assert send(server.url, body=ASKED, headers={"content-type": "text/plain"}).status == 415
    for origin in ("https://example.org", "http://[", "null"):
        found = send(server.url, body=ASKED, headers={"origin": origin})
        assert (found.status, found.json["fix"].partition(",")[0]) == (403, "a proxy must pass on the Host header")
    proxied = {"origin": "https://example.org", "sec-fetch-site": "same-origin"}
    assert send(server.url, body=ASKED, headers=proxied).status == 200
    assert send(server.url, body=ASKED, headers={**proxied, "sec-fetch-site": "same-site"}).status == 403
    assert send(server.url, body=ASKED, headers={"origin": f"http://{host}"}).status == 200
    for name in ("example.org", f"example.org:{host.partition(':')[2]}", "", "[", "127.0.0.1.example.org"):
        found = send(server.url, "/models", headers={"host": name})
        assert (found.status, "give it a token" in found.json["fix"]) == (421, True)
    assert send(server.url, "/models", headers={"host": "localhost:1"}).status == 200


def test_fifty_megabytes_are_refused_before_they_are_read(server: Server) -> None:
    body = json.dumps({"question": "Who?", "context": "a" * 50_000_000}).encode()
    assert send(server.url, body=body).status == 413
    talk = HTTPConnection(*urlsplit(server.url).netloc.split(":"))  # in pieces of unknown total
    talk.request(
        "POST", "/answer", iter([b"a" * 1_000_000] * 9), {"content-type": "application/json"}, encode_chunked=True
    )
    assert talk.getresponse().status == 413
    talk.close()
    assert send(server.url, body=ASKED).status == 200


def test_pages_may_lie_under_a_path_of_a_proxy(server: Server) -> None:
    for path in ("/", "/docs"):
        page = send(server.url, path).body.decode()
        assert re.findall(r'(?:(?:href|src|action)=|call\()"(/[^"]*)"', page) == []
        assert 'href="' in page


def test_head_is_get_without_the_body(server: Server) -> None:
    for path in ("/", "/health", "/models"):
        found, whole = send(server.url, path, method="HEAD"), send(server.url, path)
        assert (found.status, found.body, found.headers["content-length"]) == (200, b"", str(len(whole.body)))


def test_browsers_are_told_to_be_strict(server: Server) -> None:
    for path in ("/", "/docs", "/openapi.json", "/models", "/nowhere"):
        headers = send(server.url, path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_the_page_of_the_interface_has_all_of_the_schema(server: Server) -> None:
    schema, page = send(server.url, "/openapi.json").json, send(server.url, "/docs").body.decode()
    assert {"/answer", "/models", "/health", "/metrics", "/", "/models/{name}"} == set(schema["paths"])
    for path, methods in schema["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in page
    for name, form in schema["components"]["schemas"].items():
        assert f'id="form-{name}"' in page
        assert all(f"<code>{field}</code>" in page for field in form["properties"])
    assert "<script" not in page
    assert '<a href="#form-One">One</a> or <a href="#form-AboutOne">AboutOne</a>' in page
    assert "at least 1, at most 1,000,000" in page
    assert f"curl {server.url}/answer -H" in page
    assert not re.search("``|Authorization", page)
    assert schema["components"]["schemas"]["One"]["properties"]["context"]["maxLength"] == 1_000_000


@pytest.mark.parametrize("fits", [True, False], ids=["fits", "does-not-fit"])
def test_the_server_does_what_its_schema_says(server: Server, fits: bool) -> None:
    """Schemathesis makes requests up, and looks at status, headers and body of what comes back.

    No schema can say which lengths of windows a model takes together, which the hub's parameters set.
    """
    import schemathesis  # takes two seconds: of one worker, not of each process
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    mode = schemathesis.GenerationMode.POSITIVE if fits else schemathesis.GenerationMode.NEGATIVE
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    seen = set()
    for operation in (found.ok() for found in schema.get_all_operations()):

        @settings(
            max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: Any) -> None:
            case.call_and_validate(excluded_checks=[] if case.path == "/answer" else [positive_data_acceptance])

        if fits or operation.method.upper() == "POST":
            check()
            seen.add(operation.label)
    assert {"POST /answer", "POST /", "POST /models/{name}"} <= seen
