"""A language model is asked over a real connection; a kill, a busy server and a wrong key lose nothing."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from commands import call
from llm_stub import LanguageModelStub, language_model
from qatk.errors import QatkError, QatkWarning, UsageError
from qatk.evaluation import Aligner
from qatk.evaluation.evaluate import evaluate
from qatk.inference.language_model import LanguageModel, ask_language_model
from qatk.progress import listen
from scoring_cases import examples_of

KEY = "sk-0123456789abcdef0123"
EXAMPLES = replace(
    examples_of([["red fox"]] * 9, [f"Who is {i}?" for i in range(9)]),
    context=[f"The red fox {{question}} {i}" for i in range(9)],
)


@pytest.fixture
def stub() -> Iterator[LanguageModelStub]:
    with language_model(KEY) as found:
        yield found


def model(stub: LanguageModelStub, **changes: object) -> LanguageModel:
    asked = LanguageModel(stub.url, "stub", KEY, price_in=2.0, price_out=10.0, retries=3)
    return replace(asked, **changes)  # type: ignore[arg-type]


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_answers_stand_in_order_with_their_costs_and_can_be_scored(stub: LanguageModelStub, tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    asked = ask_language_model(model(stub, request={"max_tokens": 8}), EXAMPLES, out, parallel=4)
    assert (asked.questions, asked.resumed) == (9, 0)
    found = rows(out)
    assert [row["id"] for row in found] == EXAMPLES.id
    assert {row["answer"] for row in found} == {"The red fox"}
    assert {row["cost"] for row in found} == {(100 * 2 + 10 * 10) / 1_000_000}
    assert all(isinstance(row["latency"], float) and row["latency"] > 0 for row in found)
    assert not list(tmp_path.glob("*.parts"))
    assert {(body["temperature"], body["max_tokens"], body["model"]) for body in stub.asked} == {(0, 8, "stub")}
    sent = sorted(body["messages"][0]["content"] for body in stub.asked)
    assert "Context: The red fox {question} 3\n\nQuestion: Who is 3?" in sent[3]  # fields in a context are text
    assert evaluate(EXAMPLES, out, align=Aligner()).metrics["exact"] == 100.0


def test_a_busy_server_is_asked_again(stub: LanguageModelStub, tmp_path: Path) -> None:
    stub.troubles = [429, 500, 0]
    ask_language_model(model(stub), EXAMPLES, tmp_path / "answers.jsonl", parallel=1)
    assert len(rows(tmp_path / "answers.jsonl")) == 9
    assert len(stub.asked) == 9


def test_after_a_failure_only_the_rest_is_asked(stub: LanguageModelStub, tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"

    def fail(_: str, done: int, __: int | None) -> None:
        if done == 4:
            stub.troubles = [503] * 99

    with listen(fail), pytest.raises(QatkError, match=r"was refused: .*not now"):
        ask_language_model(model(stub), EXAMPLES, out, parallel=1)
    assert not out.exists()
    stub.troubles, first = [], len(stub.asked)
    with (tmp_path / "answers.jsonl.parts" / "answers.jsonl").open("a") as file:
        file.write('{"id": "q4", "predic')  # a kill while a row was written
    with pytest.raises(UsageError, match="did not come to its end"):
        ask_language_model(model(stub), EXAMPLES, out)
    for changes, what in (({"prompt": "{context} {question}"}, "prompt"), ({"request": {"max_tokens": 9}}, "request")):
        with pytest.raises(UsageError, match=f"begun with other {what}"):
            ask_language_model(model(stub, **changes), EXAMPLES, out, resume=True)
    assert ask_language_model(model(stub), EXAMPLES, out, resume=True).resumed == 4
    assert [row["id"] for row in rows(out)] == EXAMPLES.id
    assert len(stub.asked) - first == 5


def test_answers_behind_a_failure_are_kept(stub: LanguageModelStub, tmp_path: Path) -> None:
    out, stub.troubles = tmp_path / "answers.jsonl", [503]  # of whichever request comes first
    with pytest.raises(QatkError, match=r"what was answered is kept"):
        ask_language_model(model(stub, retries=0), EXAMPLES, out, parallel=4)
    assert (kept := len(rows(tmp_path / "answers.jsonl.parts" / "answers.jsonl"))) == len(stub.asked) > 0
    assert ask_language_model(model(stub), EXAMPLES, out, resume=True).resumed == kept
    assert [row["id"] for row in rows(out)] == EXAMPLES.id
    assert len(stub.asked) == len(EXAMPLES)


@pytest.mark.parametrize(("before", "status"), [(0, 400), (3, 413), (9, 422)])
def test_a_question_that_is_refused_for_good_has_no_answer(
    stub: LanguageModelStub, tmp_path: Path, before: int, status: int
) -> None:
    examples = examples_of([["red fox"]] * 12, [f"Who is {i}?" for i in range(12)])
    stub.troubles, out = [-1] * before + [status, status], tmp_path / "answers.jsonl"
    with pytest.warns(QatkWarning, match=f"the server refused 2 questions, first 'q{before}': .*not now"):
        asked = ask_language_model(model(stub), examples, out, parallel=1)
    found = {str(row["id"]): row for row in rows(out)}
    assert (asked.questions, asked.refused, list(found)) == (12, 2, examples.id)
    refused = [f"q{before}", f"q{before + 1}"]
    assert [name for name, row in found.items() if "refused" in row] == refused
    assert [(found[name]["answer"], "not now" in str(found[name]["refused"])) for name in refused] == [("", True)] * 2
    assert evaluate(examples, out, align=Aligner()).metrics["total"] == 12


def test_what_was_refused_is_not_asked_again(stub: LanguageModelStub, tmp_path: Path) -> None:
    out, stub.troubles = tmp_path / "answers.jsonl", [400, -1, *[503] * 9]
    with pytest.raises(QatkError, match="what was answered is kept"):
        ask_language_model(model(stub), EXAMPLES, out, parallel=1)
    stub.troubles = []
    with pytest.warns(QatkWarning, match="refused 1 question, first 'q0'"):
        asked = ask_language_model(model(stub), EXAMPLES, out, parallel=1, resume=True)
    assert (asked.resumed, asked.refused, len(stub.asked)) == (2, 1, 8)


def test_an_interruption_waits_for_requests_under_way_and_a_second_one_does_not(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("question,context\n" + "".join(f"Who is {i}?,Ann.\n" for i in range(9)))
    with language_model() as stub:
        stub.silent = Event()
        words = ["ask-llm", "q.csv", "--url", stub.url, "--model", "stub", "--parallel", "3"]
        command = [sys.executable, "-m", "qatk", *words]
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as asking:
            assert asking.stderr is not None
            try:
                assert [stub.arrived.acquire(timeout=60) for _ in range(3)] == [True] * 3
                asking.send_signal(signal.SIGINT)
                while "waiting for 3 requests under way" not in asking.stderr.readline():
                    assert asking.poll() is None
                asking.send_signal(signal.SIGINT)
                assert asking.wait(30) == -signal.SIGINT
            finally:
                stub.silent.set()
                asking.kill()


def test_a_call_that_was_killed_before_its_first_answer_hinders_no_other(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("id,question,context\nq0,Who is it?,The red fox.\n")
    out = tmp_path / "answers.jsonl"
    with language_model() as stub:
        stub.silent = Event()
        words = ["ask-llm", "q.csv", "--url", stub.url, "--model", "stub", "--out", out.name]
        with subprocess.Popen([sys.executable, "-m", "qatk", *words], cwd=tmp_path) as asking:
            try:
                assert stub.arrived.acquire(timeout=60)
            finally:
                asking.kill()
                stub.silent.set()
        with pytest.warns(QatkWarning, match="was left by process"):
            assert ask_language_model(model(stub), EXAMPLES, out).resumed == 0


@pytest.mark.parametrize(
    ("changes", "troubles", "message"),
    [
        ({"key": "wrong"}, [], "refuses the key: .* put it into the environment variable"),
        ({"name": "other"}, [], "does not know the model 'other'"),
        ({"retries": 0}, [503], "question 'q0' was refused"),
        ({}, [400] * 9, "the server refused the first 9 questions: .*not now.* check --request, --prompt and --model"),
        ({"retries": 0}, [1], "the answer to question 'q0' is no chat completion"),
        ({"retries": 0, "url": "http://127.0.0.1:9/v1"}, [], "the server cannot be reached"),
    ],
)
def test_what_goes_wrong_is_one_message(
    stub: LanguageModelStub, tmp_path: Path, changes: dict[str, object], troubles: list[int], message: str
) -> None:
    stub.troubles = troubles
    asked = model(stub, **changes)
    with pytest.raises(QatkError, match="(?s)" + message) as raised:
        ask_language_model(asked, EXAMPLES, tmp_path / "answers.jsonl", parallel=1)
    assert asked.key not in str(raised.value)
    assert asked.key not in repr(asked)
    assert list(tmp_path.iterdir()) == []  # nothing is in the way of the call that does it right


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"url": "localhost"}, "'localhost' is no address"), ({"prompt": "{context}"}, "the prompt has no {question}")],
)
def test_what_cannot_be_asked_is_refused_at_once(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        replace(LanguageModel("http://x/v1", "stub"), **changes)  # type: ignore[arg-type]


def test_a_folder_is_no_file_of_answers(stub: LanguageModelStub, tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        ask_language_model(model(stub), EXAMPLES, tmp_path / "answers.jsonl")


def test_the_command(stub: LanguageModelStub, tmp_path: Path) -> None:
    lines = ["question,context,answers", "Who ran?,The red fox ran.,red fox", "Who sat?,The fat hen sat.,fat hen"]
    (tmp_path / "q.csv").write_text("\n".join(lines))
    words = ("qatk", "ask-llm", "q.csv", "--url", stub.url, "--model", "stub")
    refused = call(*words, cwd=tmp_path)
    assert (refused.returncode, "refuses the key" in refused.stderr) == (1, True), refused.stderr
    done = call(*words, "--request", "max_tokens=9", cwd=tmp_path, OPENAI_API_KEY=KEY)
    assert done.returncode == 0, done.stderr
    assert "2 questions answered by stub" in done.stdout
    assert [row["answer"] for row in rows(tmp_path / "answers.jsonl")] == ["The red fox", "The fat hen"]
    assert stub.asked[0]["max_tokens"] == 9
    assert all(KEY not in path.read_text("utf-8") for path in tmp_path.iterdir())
    scored = call("qatk", "eval", "q.csv", "answers.jsonl", "--use", "table", "--align", "--json", cwd=tmp_path)
    assert json.loads(scored.stdout)["exact"] == 100.0
