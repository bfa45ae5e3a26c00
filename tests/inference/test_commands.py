"""``qatk predict`` and ``qatk ask`` as a user calls them."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from commands import call, forked_python
from qatk.cli import app
from qatk.cli.ask import best_first, show
from qatk.errors import DataError, Interrupted, Terminated, UsageError
from qatk.inference.reply import Candidate, Place, Reply
from screen import screen, written_by

TEXT = "The mill of Delft is old. It was built in 1843 by the guild."
QUESTION = "When was the mill of Delft built?"


def qatk(*arguments: object, stdin: str | bytes = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    found = call("qatk", *arguments, stdin=stdin, cwd=cwd, timeout=120, FORKED_PYTHON=forked_python())
    assert "Traceback" not in found.stderr
    return found


def test_predict_writes_answers_and_scores_them_where_it_can(run: Path, tmp_path: Path) -> None:
    done = qatk("predict", run, run.parent / "dev.json", "--out", tmp_path / "a.json")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.json").read_bytes() == (run / "predictions.json").read_bytes()
    metrics = json.loads((run / "metrics.json").read_text())
    assert f"{metrics['exact']:.2f}" in done.stdout
    assert "48 questions: " in done.stdout
    data = json.loads((run.parent / "dev.json").read_text())
    for article in data["data"]:
        for paragraph in article["paragraphs"]:
            for qa in paragraph["qas"]:
                del qa["answers"], qa["is_impossible"]
    (tmp_path / "asked.json").write_text(json.dumps(data))
    bare = qatk("predict", run, tmp_path / "asked.json", "--out", tmp_path / "b.json", "--json")
    assert json.loads(bare.stdout)["metrics"] == {}
    assert (tmp_path / "b.json").read_bytes() == (tmp_path / "a.json").read_bytes()


@pytest.mark.parametrize(
    ("words", "reached"),
    [
        (["predict", "RUN", "DATA", "--out", "out.json"], "qatk.inference.predict.predict_file"),
        (["bench", "RUN", "--data", "DATA"], "qatk.inference.bench.measure"),
        (["export", "RUN", "--to", "onnx", "--data", "DATA", "--out", "out"], "qatk.inference.exporting.export"),
        (
            ["ask-llm", "DATA", "--model", "gpt", "--url", "http://localhost:9", "--out", "out.jsonl"],
            "qatk.inference.language_model.ask_language_model",
        ),
    ],
)
def test_gold_answers_that_are_only_scored_may_be_anywhere(
    words: list[str], reached: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reach(*_: object, **__: object) -> None:
        raise InterruptedError

    monkeypatch.setattr(reached, reach)
    monkeypatch.chdir(tmp_path)
    row = {"id": "a", "question": QUESTION, "context": TEXT, "answers": {"text": ["1843"], "answer_start": [3]}}
    (tmp_path / "data.jsonl").write_text(json.dumps(row))
    known = {"RUN": str(run), "DATA": "data.jsonl"}
    words = [known.get(word, word) for word in words]
    assert isinstance(CliRunner().invoke(app, words).exception, InterruptedError)
    if words[0] != "export":
        with pytest.raises(DataError, match="not at the given answer_start"):
            CliRunner().invoke(app, [*words, "--set", "bad_answers=error"], catch_exceptions=False)


def test_answers_are_scored_in_the_language_of_the_run(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = json.loads((run / "predictions.json").read_text())
    rows = [dict(row) for row in _rows(run.parent / "dev.json")]
    for row in rows:
        text = said[row["id"]]
        row |= {"lang": "de", "answers": {"text": [f"die {text}"] * bool(text), "answer_start": [0] * bool(text)}}
    bare = [{key: value for key, value in row.items() if key != "lang"} for row in rows]
    asked = [{key: value for key, value in row.items() if key != "answers"} for row in bare]
    for name, content in {"de": rows, "bare": bare, "asked": asked}.items():
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content))
    for name, metric in {"german": {"language": "de"}, "named": {"language_column": "lang"}}.items():
        shutil.copytree(run, name)
        content = json.loads(Path(name, "manifest.json").read_text())
        content["recipe"]["metrics"] = [{"use": "squad", **metric}]
        Path(name, "manifest.json").write_text(json.dumps(content))

    def call(words: str) -> dict[str, Any]:
        done = CliRunner().invoke(app, [*words.split(), "--json"], catch_exceptions=False)
        return {**json.loads(done.stdout), "stderr": done.stderr}

    for words in ("german de.jsonl", "german bare.jsonl", "named de.jsonl", "named de.jsonl --shards 2"):
        found = call(f"predict {words} --set bad_answers=keep")["metrics"]
        assert (found["normaliser"], found["exact"]) == ("de", 100), words
    assert call("predict german de.jsonl --language en --set bad_answers=keep")["metrics"]["normaliser"] == "en"
    for shards in ("", "--shards 2"):
        found = call(f"predict named bare.jsonl --set bad_answers=keep {shards}")
        assert found["metrics"]["normaliser"] == "en"
        assert "no question has a value for 'lang'" in found["stderr"]
        assert "by which the run compared answers: EM and F1 are by normaliser en" in found["stderr"]
        found = call(f"predict named asked.jsonl {shards}")
        assert (found["questions"], found["metrics"], "normaliser" in found["stderr"]) == (len(rows), {}, False)
    compared = "compare german german {} --data de.jsonl --set bad_answers=keep"
    assert call(compared.format("--language en"))["normaliser"] == "en"
    assert call(compared.format(""))["normaliser"] == "de"
    with pytest.raises(UsageError, match="german was scored by de, named by column 'lang'\n  name one for both"):
        call("compare german named --data de.jsonl")
    with pytest.raises(DataError, match="no question has a value for 'lang'"):
        call("predict named bare.jsonl --language-column lang --set bad_answers=keep")


def _rows(path: Path) -> Iterator[dict[str, object]]:
    """The questions of a SQuAD file, as rows."""
    for article in json.loads(path.read_text())["data"]:
        for paragraph in article["paragraphs"]:
            for qa in paragraph["qas"]:
                yield {"id": qa["id"], "question": qa["question"], "context": paragraph["context"]}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("predict RUN data.jsonl --out data.jsonl", "one that DATA names"),
        ("predict RUN da*.jsonl --out data.jsonl", "one that DATA names"),
        ("predict RUN --use table --set path=[data.jsonl] --out data.jsonl", "one that DATA names"),
        ("predict RUN data.jsonl --out RUN/predictions.json", "one of MODEL"),
        ("ask-llm data.jsonl --model m --url http://localhost:9 --out data.jsonl", "one that DATA names"),
        (
            "ask-llm data.jsonl --model m --url http://localhost:9 --prompt p.jsonl --out p.jsonl",
            "one that --prompt names",
        ),
        ("bench RUN --data data.jsonl --html data.jsonl", "one that DATA names"),
        ("compare p.jsonl p.jsonl --data data.jsonl --html p.jsonl", "one that SYSTEM names"),
        ("compare p.jsonl p.jsonl --data data.jsonl --markdown data.jsonl", "one that --data names"),
        ("compare p.jsonl p.jsonl --data x --null-odds o.json --report html=o.json", "one that --null-odds names"),
    ],
)
def test_no_command_writes_over_what_it_reads(
    words: str, named: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, "RUN")
    row = {"id": "a", "question": QUESTION, "context": TEXT}
    for name in ("data.jsonl", "p.jsonl", "o.json"):
        Path(name).write_text(f"{json.dumps(row)} {{context}} {{question}}" if name == "p.jsonl" else json.dumps(row))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match=named):
        CliRunner().invoke(app, words.split(), catch_exceptions=False)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_the_threshold_that_calibrate_wrote_answers(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, folder := tmp_path / "run")
    odds = json.loads((run / "null_odds.json").read_text())
    threshold = -sorted(-value for value in odds.values())[len(odds) // 3]
    (folder / "calibration.json").write_text(json.dumps({"threshold": threshold}))
    said = {}
    for given in ("calibrated", str(threshold), "never"):
        words = ["predict", folder, run.parent / "dev.json", "--null-threshold", given]
        for shards in ([], ["--shards", 2]):
            done = qatk(*words, "--out", tmp_path / "a.json", *shards)
            assert (done.returncode, "fitted on these questions" in done.stderr) == (0, given == "calibrated"), (
                done.stderr
            )
            said[given, len(shards)] = json.loads((tmp_path / "a.json").read_text())
        assert said[given, 0] == said[given, 2]
    assert {name for name, text in said["calibrated", 0].items() if text} == {
        name for name, value in odds.items() if value <= threshold
    }
    assert said["calibrated", 0] == said[str(threshold), 0]
    assert all(said["never", 0].values())


def test_ask_shows_the_answer_in_its_place(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mill.txt").write_text(TEXT)
    for document, stdin in ((TEXT, ""), (tmp_path / "mill.txt", ""), ("-", TEXT)):
        done = qatk("ask", run, "-q", QUESTION, "-c", document, "--json", stdin=stdin)
        reply = json.loads(done.stdout)
        assert reply["question"] == QUESTION
        assert all(TEXT[span["start"] : span["end"]] == span["text"] for span in reply["candidates"])
    shown = qatk("ask", run, "-q", QUESTION, "-q", "Who?", "-c", TEXT, "-k", 2).stdout
    assert shown.startswith(f"{QUESTION}\n")
    assert "\n\nWho?\n" in shown
    assert len(re.findall(r"^\S.* +\d+-\d+$", shown, re.MULTILINE)) == 2 * 2  # alternatives
    assert "no answer" in shown or f"«{reply['answer']}»" in shown


def test_documents_are_asked_together_and_the_likeliest_comes_first(run: Path, tmp_path: Path) -> None:
    texts = {"a.txt": "It rained.", "b.txt": TEXT, "c.md": "The bell of Gouda was cast in 1655."}
    for name, text in {**texts, "d.csv": "1,2"}.items():
        (tmp_path / name).write_text(text)
    alone = {name: json.loads(_asked(run, tmp_path / name)) for name in texts}
    folder = [{**alone[name], "document": str(tmp_path / name)} for name in texts]
    assert len({reply["null_odds"] for reply in folder}) == 3
    folder.sort(key=lambda reply: reply["null_odds"])
    said = f"[{_asked(run, tmp_path, questions=[QUESTION, QUESTION])}]".replace("}\n{", "},{")
    assert json.loads(said) == [*folder, *folder]
    said = f"[{_asked(run, tmp_path / '*.txt', TEXT, tmp_path / 'b.txt', '-')}]".replace("}\n{", "},{")
    assert {reply["document"]: reply["null_odds"] for reply in json.loads(said)} == {
        **{str(tmp_path / name): alone[name]["null_odds"] for name in ("a.txt", "b.txt")},
        "text": alone["b.txt"]["null_odds"],
        "standard input": alone["a.txt"]["null_odds"],
    }
    shown = _asked(run, tmp_path, "--null-threshold", "never", json=False).split("\n")
    assert [line for line in shown if line.startswith(str(tmp_path))] == [reply["document"] for reply in folder]
    assert len([line for line in shown if line.startswith("alternative ")]) == 1
    shown = _asked(run, tmp_path, "--null-threshold", "-99", json=False).split("\n")
    assert shown[:2] == [QUESTION, folder[0]["document"]]
    assert shown[-2].startswith(f"no answer in 2 other documents: {folder[1]['document']}, ")


def _asked(run: Path, *documents: object, questions: Sequence[str] = (QUESTION,), json: bool = True) -> str:
    """What ``qatk ask`` prints; of the options, those before which no ``-c`` is due begin with dashes."""
    at = next((at for at, word in enumerate(documents) if str(word).startswith("--")), len(documents))
    words = [*(word for each in documents[:at] for word in ("-c", str(each))), *map(str, documents[at:])]
    words += [word for question in questions for word in ("-q", question)] + ["--json"] * json
    done = CliRunner().invoke(app, ["ask", str(run), *words], input="It rained.", env={"COLUMNS": "1000"})
    assert done.exit_code == 0, done.output
    return done.stdout


def test_of_several_documents_no_error_rate_is_promised() -> None:
    reply = Reply(QUESTION, TEXT, "", -1, -1, 1.0, 1.0, 2.0, [], [], "at most 5 %")
    assert best_first(["a"], [reply])[0][1].promise == "at most 5 %"
    found = best_first(["a", "b"], [reply, replace(reply, null_odds=1.0)])
    assert [(name, each.promise) for name, each in found] == [("b", None), ("a", None)]


def test_what_is_nearly_certain_is_not_said_to_be_certain() -> None:
    place = {"text": "1843", "start": 46, "end": 50, "score": 9.0}
    spans = [
        Candidate(**place, probability=0.998),
        Candidate("1", 46, 47, 1.0, 0.0012),
        Candidate("18", 46, 48, 1.0, 0),
    ]
    console = Console(file=StringIO(), width=80)
    show(console, Reply(QUESTION, TEXT, "1843", 46, 50, 0.998, 0.0008, -8.0, [Place(**place)], spans), 3)
    assert re.findall(r"1843  (\S+) %", said := console.file.getvalue()) == [">99"]
    assert re.findall(r"(\S+) % +46-", said) == ["<1", "0"]
    show(console, Reply(QUESTION, TEXT, "", -1, -1, 0.0008, 0.0008, -8.0, [], spans), 3)
    assert "no answer  none is sure enough, >99 % at best" in console.file.getvalue()


def test_a_conversation_goes_on_after_mistakes(run: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("The bell of Gouda was cast in 1655.")
    lines = [
        QUESTION,
        ":k 1",
        ":k none",
        ":foo",
        f":context {tmp_path / 'other.txt'}",
        "When?",
        "",
    ]
    done = qatk("ask", run, "-c", TEXT, stdin="\n".join([*lines, ":quit", "never read"]))
    assert done.returncode == 1
    for said in (QUESTION, "none is no number", "unknown command :foo", "When?"):
        assert said in done.stdout
    assert "never read" not in done.stdout
    answers = qatk("ask", run, "-c", TEXT, "--json", stdin=f"{QUESTION}\n:k 1\n:foo\nWho?")
    first, second = json.loads("[" + answers.stdout.replace("}\n{", "},{") + "]")
    assert (first["question"], second["question"]) == (QUESTION, "Who?")
    assert (len(first["candidates"]), len(second["candidates"])) == (3, 1)
    for said in ("60 characters", "1 alternative", "unknown command :foo"):
        assert said in answers.stderr


@pytest.mark.parametrize("line", [":context nowhere.txt", ":model nowhere", ":model"])
def test_a_conversation_from_a_pipe_ends_without_the_document_or_model_that_it_names(run: Path, line: str) -> None:
    done = qatk("ask", run, "-c", TEXT, "--json", stdin=f"{line}\n{QUESTION}\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nowhere" in done.stderr or "names nothing" in done.stderr


def test_a_conversation_in_a_terminal_has_a_history(run: Path, tmp_path: Path) -> None:
    command = [forked_python(), "-m", "qatk", "ask", str(run), "-c", TEXT]
    typed = f"When?\r\x1b[A\r:k 5\r:model {run}\r:model\r:context\r:quit\r"  # an arrow up
    written, code = written_by(command, cwd=tmp_path, typed=typed)
    assert code == 0
    lines = screen(written)
    assert lines.count("> When?") == len([line for line in lines if line.startswith("alternative ")]) == 2, lines
    assert lines.count(f"{run}; 60 characters") == 1
    for said in ("5 alternatives", "error: :model names nothing", "error: :context names nothing"):
        assert said in lines


def test_ctrl_c_stops_an_answer_and_not_the_conversation(run: Path, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("\n".join(f"In {year} a mill was built." for year in range(100_000)))
    command = [forked_python(), "-m", "qatk", "ask", str(run), "-c", "long.txt"]
    then = [(":help", "When?\r"), ("> When?\r\n", "\x03"), ("stopped", ":quit\r")]
    written, code = written_by(command, cwd=tmp_path, then=then)
    lines = screen(written)
    assert (code, lines.count("stopped; :quit ends")) == (0, 1), lines
    assert "alternative" not in written


def test_a_piped_question_that_fails_costs_no_other(run: Path) -> None:
    piped = f"{QUESTION}\n".encode() + b"Gie\xdf when?\nWho?\n"
    done = CliRunner().invoke(app, ["ask", str(run), "-c", TEXT, "--json"], input=piped)  # stdin is strict
    answers = json.loads("[" + done.stdout.replace("}\n{", "},{") + "]")
    assert [answer["question"] for answer in answers] == [QUESTION, "Who?"]
    assert (done.exit_code, "error: the question is not UTF-8" in done.stderr) == (1, True)


def test_a_signal_ends_commands_that_read_or_answer(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [forked_python(), "-m", "qatk", "ask", str(run), "-c", TEXT, "--json"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, text=True) as process:
        assert process.stderr is not None
        assert ":help for commands" in process.stderr.readline()
        time.sleep(0.2)  # until it waits for a line: a signal between two steps of Python waits for the next one
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM  # with standard input still open
        assert process.communicate() == ("", "")

    def stop(*_: object, **__: object) -> None:
        raise Terminated

    data = str(run.parent / "dev.json")
    monkeypatch.setattr("qatk.inference.model.load_model", stop)
    monkeypatch.setattr("qatk.inference.language_model.ask_language_model", stop)
    for words in (["predict", str(run), data], ["ask-llm", data, "--url", "http://127.0.0.1:9/v1", "--model", "stub"]):
        with pytest.raises(Interrupted, match="interrupted"):
            CliRunner().invoke(app, words, catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["ask", "RUN", "-q", "", "-c", TEXT], 2, "the question is blank"),
        (["ask", "RUN", "-q", QUESTION, "-c", "nowhere.txt"], 2, "nowhere.txt: there is no such file"),
        (["ask", "RUN", "-q", QUESTION, "-c", "binary.bin"], 1, "UTF-8"),
        (["ask", "RUN", "-q", QUESTION, "-c", "blank.txt"], 2, "the document is blank"),
        (["ask", "RUN", "-q", QUESTION, "-c", "-"], 2, "the document is blank"),
        (["ask", "RUN", "-c", "-"], 2, "name a file, or -q"),
        (["ask", "RUN", "-c", TEXT, "-c", "blank.txt"], 2, "the document is blank"),
        (["ask", "RUN", "-c", TEXT, "-c", f"{TEXT} "], 2, "-c: a conversation is about one document, not 2"),
        (["ask", "RUN", "-q", QUESTION, "-c", TEXT, "-k", "0"], 2, "-k"),
        (["ask", "RUN", "-q", QUESTION, "-c", TEXT, "--device", "toaster"], 2, "device"),
        (["ask", "./nowhere", "-q", QUESTION, "-c", TEXT], 2, "there is no folder ./nowhere"),
        (["ask", ".", "-q", QUESTION, "-c", TEXT], 2, "is not a model: it has no config.json"),
        (["ask", "RUN", "-q", QUESTION, "-c", TEXT, "--null-threshold", "nan"], 2, "'nan' is no threshold"),
        (
            ["ask", "RUN", "-q", QUESTION, "-c", TEXT, "--null-threshold", "calibrated"],
            2,
            "no null threshold was fitted",
        ),
        (["serve", "RUN", "--port", "0", "--null-threshold", "calibrated"], 2, "calibration.json is missing"),
        (["predict", "RUN"], 2, "DATA is missing"),
        (["predict", "RUN", "nowhere.json"], 2, "there is no such file"),
        (["predict", "RUN", "DEV", "--out", "a.txt"], 2, "unknown ending"),
        (["predict", "RUN", "nowhere.json", "--out", "a.txt"], 2, "unknown ending"),
        (["predict", "RUN", "nowhere.json", "--out", "gone/a.json"], 2, "there is no folder gone"),
        (["predict", "RUN", "DEV", "--out", "nowhere/a.json", "--top-k", "0"], 2, "top-k"),
    ],
)
def test_wrong_input_gets_one_message(run: Path, arguments: list[str], code: int, words: str, tmp_path: Path) -> None:
    (tmp_path / "binary.bin").write_bytes(bytes(range(256)))
    (tmp_path / "blank.txt").write_text(" \n")
    places = {"RUN": run, "DEV": run.parent / "dev.json"}
    done = qatk(*(places.get(word, word) for word in arguments), cwd=tmp_path)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
