from __future__ import annotations

import gzip
import json
import math
import re
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import qatk
from commands import call
from qatk.cli import app
from qatk.cli.eval import evaluate_command
from qatk.errors import DataError, PredictionsError, QatkError, UsageError
from qatk.evaluation.evaluate import evaluate, evaluate_examples, read_data
from qatk.evaluation.prediction_files import read_null_odds, read_predictions
from qatk.statistics.intervals import mean_interval
from repository import SHARED, needs_shared_data
from scoring_cases import examples_of, predictions_of, squad_json, without_gold

SYSTEMS = ["nlnet-v2", "bidaf-elmo-v2", "r-net-v1", "match-lstm-v1", "reference"]
EXAMPLES = examples_of([["red fox"], ["hen"], [], []])
RIGHT = {"q0": "red fox", "q1": "hen", "q2": "", "q3": ""}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@needs_shared_data
@pytest.mark.parametrize("system", SYSTEMS)
def test_figures_of_published_systems_to_the_last_digit(system: str) -> None:
    expected = json.loads((SHARED / "parity" / "expected.json").read_text())
    assert list(expected) == SYSTEMS
    entry = expected[system]
    odds = SHARED / entry["null_odds"] if "null_odds" in entry else None
    predictions = SHARED / "parity" / f"{system}.predictions.json.gz"
    evaluation = evaluate(SHARED / entry["data"], predictions, null_odds=odds)
    assert list(evaluation.metrics.items()) == list(entry["official"].items())
    assert len(evaluation.per_question["f1"]) == entry["official"]["total"]


def test_evaluate_examples_by_hand() -> None:
    odds = {"q3": 1.0, "q2": -1.0, "q1": -2.0, "q0": -3.0}
    evaluation = evaluate_examples(EXAMPLES, {**RIGHT, "q0": "the fox", "q2": "cow"}, odds)
    assert evaluation.per_question["exact"].tolist() == [0.0, 1.0, 0.0, 1.0]
    assert evaluation.per_question["f1"].tolist() == [2 / 3, 1.0, 0.0, 1.0]
    assert evaluation.metrics["exact"] == 50.0
    assert evaluation.metrics["best_exact"] == 75.0
    assert evaluation.metrics["best_exact_thresh"] == -2.0
    assert evaluation.predictions.null_odds.tolist() == [-3.0, -2.0, -1.0, 1.0]


def test_a_threshold_turns_answers_into_no_answer_as_the_official_script_does() -> None:
    """Above -1.5: of q2, wrongly answered, which is right then; q1 stays. The best thresholds are of all as it was."""
    odds, said = {"q3": 1.0, "q2": -1.0, "q1": -2.0, "q0": -3.0}, {**RIGHT, "q0": "the fox", "q2": "cow"}
    plain = evaluate_examples(EXAMPLES, said, odds)
    found = evaluate_examples(EXAMPLES, said, odds, na_prob_thresh=-1.5)
    assert found.per_question["exact"].tolist() == [0.0, 1.0, 1.0, 1.0]
    assert list(found.predictions.text) == ["the fox", "hen", "", ""]
    assert list(found.metrics) == list(plain.metrics)
    assert (found.metrics["exact"], found.metrics["NoAns_exact"]) == (75.0, 100.0)
    changed = {key for key, value in plain.metrics.items() if found.metrics[key] != value}
    assert changed == {"exact", "f1", "NoAns_exact", "NoAns_f1"}
    at_odds = evaluate_examples(EXAMPLES, said, odds, na_prob_thresh=-1.0)
    assert at_odds.metrics == plain.metrics, "only what is above"
    all_cut = evaluate_examples(EXAMPLES, said, odds, na_prob_thresh=-9.0)
    assert (all_cut.metrics["HasAns_f1"], all_cut.metrics["NoAns_f1"]) == (0.0, 100.0)
    tenths = {"q3": 0.7, "q2": 0.6, "q1": 0.3, "q0": 0.1}
    best = evaluate_examples(EXAMPLES, said, tenths).metrics
    assert best["best_f1_thresh"] == 0.3, "its odds in float32 lie above it"
    assert evaluate_examples(EXAMPLES, said, tenths, na_prob_thresh=0.3).metrics["f1"] == best["best_f1"]
    with pytest.raises(UsageError, match="needs null odds"):
        evaluate_examples(EXAMPLES, said, na_prob_thresh=0.0)
    with pytest.raises(UsageError, match="NaN"):
        evaluate_examples(EXAMPLES, said, odds, na_prob_thresh=float("nan"))


def test_predictions_of_other_questions_can_be_left_out() -> None:
    odds = dict.fromkeys(RIGHT, 0.5)
    with pytest.raises(PredictionsError, match="extra='ignore'"):
        evaluate_examples(EXAMPLES, {**RIGHT, "other": "x"})
    found = evaluate_examples(EXAMPLES, {"other": "x", **RIGHT}, {**odds, "other": 1.0}, extra="ignore")
    assert found.metrics == evaluate_examples(EXAMPLES, RIGHT, odds).metrics
    with pytest.raises(UsageError, match="extra is 'drop'"):
        evaluate_examples(EXAMPLES, RIGHT, extra="drop")  # type: ignore[arg-type]


def test_predictions_are_found_in_their_contexts() -> None:
    predictions = evaluate_examples(EXAMPLES, {**RIGHT, "q1": "nowhere"}).predictions
    assert EXAMPLES.context_of(0)[predictions.char_start[0] : predictions.char_end[0]] == "red fox"
    assert predictions.char_start.tolist()[1:] == predictions.char_end.tolist()[1:] == [-1, -1, -1]
    assert np.isnan(predictions.null_odds).all()


def test_missing_left_over_and_too_many_are_listed() -> None:
    predictions = {"q0": "red fox", **{f"x{i}": "" for i in range(12)}}
    with pytest.raises(PredictionsError) as caught:
        evaluate_examples(EXAMPLES, predictions)
    message = str(caught.value)
    assert "3 question ids have no prediction: q1, q2, q3\n" in message
    assert "12 question ids are not in the data: x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, ...\n" in message
    assert "missing='wrong'" in message
    assert caught.value.exit_code == 1


def test_missing_ones_can_be_wrong() -> None:
    evaluation = evaluate_examples(EXAMPLES, {"q0": "red fox", "q2": ""}, {"q0": -1.0, "q2": 1.0}, "wrong")
    assert evaluation.per_question["exact"].tolist() == [1.0, 0.0, 1.0, 0.0]
    assert evaluation.metrics["NoAns_exact"] == 50.0
    assert evaluation.metrics["best_exact"] == 50.0
    with pytest.raises(PredictionsError, match="1 question id is not in the data: x"):
        evaluate_examples(EXAMPLES, {"x": ""}, missing="wrong")


@pytest.mark.parametrize(
    ("odds", "message"),
    [
        ({"q0": 1.0, "q1": 1.0, "q2": 1.0}, "1 question id has no null odds: q3"),
        ({**dict.fromkeys(RIGHT, 1.0), "x": 1.0}, "1 question id has null odds but no prediction: x"),
        ({**dict.fromkeys(RIGHT, 1.0), "q1": math.nan}, "1 question id has null odds that are NaN: q1"),
    ],
)
def test_odds_must_belong_to_the_predictions(odds: Mapping[str, float], message: str) -> None:
    with pytest.raises(PredictionsError, match=message):
        evaluate_examples(EXAMPLES, RIGHT, odds)


def test_nothing_to_score() -> None:
    with pytest.raises(DataError, match="no questions"):
        evaluate_examples(examples_of([]), {})
    with pytest.raises(DataError, match="no gold"):
        evaluate_examples(without_gold(1), {"q0": ""})
    with pytest.raises(UsageError, match="'ignore'"):
        evaluate_examples(EXAMPLES, RIGHT, missing="ignore")  # type: ignore[arg-type]


def test_a_table_without_gold_names_its_columns(folder: Path) -> None:
    Path("asked.csv").write_text("id,question,context,gold_span\nq0,Who wrote it?,Ada wrote it.,Ada\n")
    with pytest.raises(DataError, match=r"asked\.csv: it has no gold answers.*'gold_span'") as told:
        evaluate("asked.csv", {"q0": "Ada"})
    assert "options={'roles': {'answers': 'NAME'}} says which one" in str(told.value)
    with pytest.raises(UsageError, match="options= is only for data in a file"):
        evaluate(EXAMPLES, RIGHT, options={"bad_answers": "skip"})


def test_ids_that_are_numbers_are_those_of_rows_with_numbers() -> None:
    rows = [{"id": k, "question": "Who?", "context": "A red fox.", "answers": ["red fox"]} for k in (1, 2)]
    examples = qatk.Examples.from_rows(rows)
    found = evaluate(examples, {1: "red fox", np.int64(2): ["red fox"]}, null_odds={1: 3, np.int64(2): np.float32(1)})
    assert (found.metrics["exact"], found.predictions.null_odds.tolist()) == (100.0, [3.0, 1.0])


def test_what_a_model_predicts_is_scored_with_its_odds() -> None:
    said = predictions_of(["red fox", "", "cow", ""], odds=[-2.0, 1.0, -1.0, 2.0])
    found, mapped = evaluate(EXAMPLES, said), evaluate(EXAMPLES, {**RIGHT, "q1": "", "q2": "cow"})
    odds = dict(zip(RIGHT, said.null_odds.tolist(), strict=True))
    assert found.metrics == evaluate(EXAMPLES, {**RIGHT, "q1": "", "q2": "cow"}, null_odds=odds).metrics
    assert {name: found.metrics[name] for name in mapped.metrics} == mapped.metrics
    assert evaluate(EXAMPLES, predictions_of(list(RIGHT.values()))).metrics == evaluate(EXAMPLES, RIGHT).metrics
    with pytest.raises(UsageError, match="predictions: 4 predictions for 2 questions"):
        evaluate(EXAMPLES.take([0, 1]), said)


def test_rows_are_data_to_score() -> None:
    row = {"question": "Who?", "context": "A red fox.", "answers": "red fox", "lang": "en"}
    rows = [{**row, "id": "q0", "part": "a"}, {**row, "id": "q1", "part": "b"}]
    found = evaluate(rows, {"q0": "red fox", "q1": "fox"}, language_column="lang", cluster="part")
    assert found.metrics == evaluate(qatk.Examples.from_rows(rows), {"q0": "red fox", "q1": "fox"}).metrics
    assert found.clusters.kind == "part"
    compared = qatk.compare({"q0": "red fox", "q1": "fox"}, {"q0": "", "q1": ""}, data=rows, draws=1000)
    assert [(system.name, system.evaluation.metrics["exact"]) for system in compared.systems] == [("1", 50), ("2", 0)]
    with pytest.raises(UsageError, match="data is None"):
        evaluate(None, {})
    with pytest.raises(UsageError, match="data: no rows can be read from an object of type int"):
        evaluate(3, {})
    with pytest.raises(
        UsageError, match=r"data: questions as a file has them .*\n  make some of them: qatk.data.strict"
    ):
        evaluate(qatk.types.RawExamples.of(EXAMPLES), RIGHT)


@pytest.mark.parametrize(
    "answers",
    [
        {"answers": "zzz"},
        {"answers": ["red fox", "zzz"]},
        {"answers": {"text": ["red fox"], "answer_start": [3]}},
        {"answers": "red"},
    ],
)
def test_rows_are_scored_as_the_same_rows_of_a_file(folder: Path, answers: dict[str, Any]) -> None:
    """Scoring reads texts only, as the official script does: wherever they stand."""
    rows = [{"id": "q0", "question": "Who?", "context": "A red fox.", **answers}]
    Path("rows.jsonl").write_text(json.dumps(rows[0]) + "\n")
    found, read = (evaluate(data, {"q0": "red fox"}) for data in (rows, "rows.jsonl"))
    assert found.metrics == read.metrics
    assert found.examples.digest() == read.examples.digest()


def test_places_outside_of_a_context_are_no_answer_to_score(folder: Path) -> None:
    rows = [{"id": "q0", "question": "Who?", "context": "A red fox.", "answer_start": 2, "answer_end": 400}]
    Path("rows.jsonl").write_text(json.dumps(rows[0]) + "\n")
    for data in (rows, "rows.jsonl"):
        with pytest.raises(DataError, match=r"1 answer lies outside the context:\n .*: from 2 to 400, of 10 char"):
            evaluate(data, {"q0": ""})


@pytest.mark.parametrize(
    ("predictions", "others", "error", "message"),
    [
        ({**RIGHT, "q1": None}, {}, DataError, "predictions: question 'q1' has None instead of an answer text"),
        ({**RIGHT, "q1": math.nan}, {}, DataError, "predictions: question 'q1' has nan instead of an answer text"),
        ({**RIGHT, "q1": ["hen", ""]}, {}, DataError, "predictions: question 'q1' has ['hen', ''] instead of"),
        ({**RIGHT, 1.5: "hen"}, {}, DataError, "predictions: 1.5 is no question id"),
        ({**RIGHT, True: "hen"}, {}, DataError, "predictions: True is no question id"),
        ({1: "red", "1": "red"}, {}, PredictionsError, "predictions: 1 question id occurs twice: 1"),
        (["red fox"], {}, UsageError, "predictions: nothing can be read from an object of type list"),
        (RIGHT, {"null_odds": {**RIGHT, "q1": None}}, DataError, "null_odds: question 'q0' has 'red fox' instead of a"),
        (RIGHT, {"null_odds": dict.fromkeys(RIGHT)}, DataError, "null_odds: question 'q0' has None instead of a"),
        (RIGHT, {"null_odds": [1.0]}, UsageError, "null_odds: nothing can be read from an object of type list"),
        (RIGHT, {"null_odds": dict.fromkeys(RIGHT, 1), "na_prob_thresh": "0.5"}, UsageError, "na_prob_thresh is '0.5'"),
        (RIGHT, {"align": True}, UsageError, "align is True"),
    ],
)
def test_what_python_gives_is_held_to_what_files_must_be(
    predictions: Any, others: dict[str, Any], error: type[QatkError], message: str
) -> None:
    with pytest.raises(error) as caught:
        evaluate(EXAMPLES, predictions, **others)
    assert str(caught.value).startswith(message)


def test_questions_that_are_twice_in_the_data_are_refused() -> None:
    with pytest.raises(PredictionsError, match="the data: 1 question id occurs twice: q0"):
        evaluate(EXAMPLES.take([0, 1, 0]), {"q0": "red fox", "q1": "hen"})


def test_files_are_read_plain_and_gzipped(folder: Path) -> None:
    text = json.dumps(RIGHT).encode()
    Path("p.json").write_bytes(b"\xef\xbb\xbf" + text)
    Path("p.json.gz").write_bytes(gzip.compress(text))
    Path("odds.json").write_text('{"b": 2, "a": -1.5}')
    assert read_predictions("p.json") == read_predictions("p.json.gz") == RIGHT
    assert list(read_null_odds("odds.json").items()) == [("b", 2.0), ("a", -1.5)]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b'{"q0": "red",\n "q1": "he', DataError, "p.json:2:8: the JSON is cut short"),
        (b'{"q0": "red"', DataError, "p.json:1:13: the JSON is cut short"),
        (b'{"q0": red}', DataError, "p.json:1:8: this is not JSON"),
        (b"", DataError, "p.json:1:1: the file is empty"),
        (b'["red"]', DataError, "p.json: expected a JSON object of ids and answer texts, not a list"),
        (b'{"q0": null}', DataError, "p.json: question 'q0' has null instead of answer texts"),
        (b'{"q0": {"a": 1}}', DataError, "p.json: question 'q0' has an object instead of answer texts"),
        (b'{"q0": "\xff"}', DataError, "p.json: the text is not UTF-8: byte 8"),
        (b"\x1f\x8bjunk", DataError, "p.json: the gzip file is cut short or damaged"),
        (gzip.compress(b'{"q0": "red fox"}', mtime=0)[:-9], DataError, "p.json: the gzip file is cut short or damaged"),
        (b'{"q0": "a", "q1": "b", "q0": "c"}', PredictionsError, "p.json: 1 question id occurs twice: q0"),
        (b"[" * 100_000, DataError, "p.json"),
    ],
)
def test_broken_predictions(folder: Path, content: bytes, error: type[QatkError], message: str) -> None:
    Path("p.json").write_bytes(content)
    with pytest.raises(error) as caught:
        evaluate(EXAMPLES, "p.json")
    assert str(caught.value).startswith(message)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("value", ["NaN", "true", '"1.0"', "null", "[1]"])
def test_odds_that_are_no_numbers(folder: Path, value: str) -> None:
    Path("odds.json").write_text(f'{{"q0": {value}}}')
    with pytest.raises(DataError, match=r"odds\.json: question 'q0' has .* instead of numbers"):
        read_null_odds("odds.json")


def test_a_file_that_is_not_there_is_misuse(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.json: there is no such file"):
        read_predictions("absent.json")
    assert UsageError.exit_code == 2


def invoke(*arguments: str) -> Any:
    app = typer.Typer()
    app.command("eval")(evaluate_command)
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def files(folder: Path) -> Path:
    data = squad_json([["red fox"], ["hen"], [], []])
    data["data"][0]["paragraphs"][0]["context"] = "red fox"
    data["data"][0]["paragraphs"][0]["qas"][1]["answers"] = [{"text": "fox", "answer_start": 4}]
    Path("data.json").write_text(json.dumps(data))
    Path("p.json").write_text(json.dumps({**RIGHT, "q1": "the red fox"}))
    Path("odds.json").write_text(json.dumps({"q0": -2.0, "q1": -1.0, "q2": 1.0, "q3": 2.0}))
    return folder


def test_command_prints_the_official_keys(files: Path) -> None:
    result = invoke("data.json", "p.json", "--null-odds", "odds.json", "--json")
    assert result.exit_code == 0, result.output
    metrics = json.loads(result.stdout)
    assert list(metrics)[:3] == ["exact", "f1", "total"]
    assert (metrics["exact"], metrics["total"], metrics["best_f1_thresh"]) == (75.0, 4, -1.0)
    none = dict.fromkeys(("exact", "f1", "HasAns_exact", "HasAns_f1", "NoAns_exact", "NoAns_f1"))  # of one context
    further = {name: metrics.pop(name) for name in ("intervals", "clusters", "agreement", "data", "qatk")}
    digest = read_data("data.json").digest()
    assert further == {
        "intervals": none,
        "clusters": {"kind": "context", "count": 1, "unnamed": 0},
        "agreement": None,
        "data": {"name": "data.json", "digest": digest},
        "qatk": version("qatk"),
    }
    assert metrics == {**evaluate("data.json", "p.json", null_odds="odds.json").metrics, "normaliser": "en"}


def test_command_prints_tables(files: Path) -> None:
    result = invoke("data.json", "p.json")
    rows = [re.split(r" {2,}", line.strip()) for line in result.stdout.splitlines()]
    assert rows[3:6] == [  # of one context: nothing says how questions of others differ
        ["all questions", "4", "75.00", "-", "91.67", "-"],
        ["with an answer", "2", "50.00", "-", "83.33", "-"],
        ["without an answer", "2", "100.00", "-", "100.00", "-"],
    ]
    assert rows[6] == ["No interval: all questions are of one context."]
    assert "-1.0000" in invoke("data.json", "p.json", "--null-odds", "odds.json").stdout
    assert "Annotators" not in result.stdout


def test_data_are_read_by_their_ending(folder: Path) -> None:
    rows = [["id", "question", "context", "answers"], *([f"q{k}", "Who?", "A red fox.", "red fox"] for k in range(2))]
    Path("data.csv").write_text("\n".join(map(",".join, rows)))
    Path("right.json").write_text(json.dumps({"q0": "red fox", "q1": "red fox"}))
    Path("half.json").write_text(json.dumps({"q0": "red fox", "q1": ""}))
    assert evaluate("data.csv", "half.json").metrics["exact"] == 50.0
    compared = qatk.compare("right.json", "half.json", data="data.csv", draws=1000)
    assert [system.evaluation.metrics["exact"] for system in compared.systems] == [100.0, 50.0]
    for named in (partial(evaluate, "data.csv"), partial(qatk.compare, "right.json", data="data.csv")):
        with pytest.raises(DataError, match=r"data\.csv:1:1: this is not JSON"):
            named("half.json", use="squad")
    with pytest.raises(UsageError, match="use=: only for data= or recipes"):
        qatk.compare("right.json", "half.json", use="table")
    Path("data.csv").write_text(Path("data.csv").read_text().replace("context", "passage"))
    done = call("qatk", "eval", "data.csv", "half.json", "--json", cwd=folder)
    assert json.loads(done.stdout)["exact"] == 50.0
    assert re.fullmatch(r"warning: data\.csv: columns by their usual names: .*\n", done.stderr), done.stderr


def test_a_home_is_found_wherever_a_path_is_named(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(files))
    monkeypatch.chdir("/")
    due = evaluate("~/data.json", "~/p.json", null_odds=Path("~/odds.json")).metrics
    assert (due["exact"], due["best_f1_thresh"]) == (75.0, -1.0)
    rows = [json.dumps({"id": name, "answer": text, "null_odds": 0.5}) for name, text in RIGHT.items()]
    (files / "p.jsonl").write_text("\n".join(rows))
    assert evaluate("~/data.json", "~/p.jsonl").metrics["best_f1_thresh"] == 0.5
    words = ["eval", "~/data.json", "~/p.json", "--null-odds=~/odds.json", "--json"]
    (files / "cwd").mkdir()
    done = call("qatk", *words, cwd=files / "cwd")
    assert json.loads(done.stdout)["exact"] == 75.0
    call("qatk", "data", "stats", "~/data.json", "--html=~/stats.html", cwd=files / "cwd")
    assert (files / "stats.html").is_file()
    assert not list((files / "cwd").iterdir())


def test_options_of_the_dataset_that_reads_the_data(folder: Path) -> None:
    rows = "id;q;passage;reply;note;topic\n" + "".join(f"q{k};Who?;A red fox.;red fox;n;t{k}\n" for k in range(2))
    Path("data.csv").write_text(rows)
    roles = {"question": "q", "context": "passage", "answers": "reply"}
    given = {"roles": roles, "delimiter": ";", "columns": ["note"]}
    Path("right.json").write_text(json.dumps({"q0": "red fox", "q1": "red fox"}))
    Path("half.json").write_text(json.dumps({"q0": "red fox", "q1": ""}))
    scored = evaluate("data.csv", "half.json", options=given, cluster="topic")
    assert (scored.metrics["exact"], sorted(scored.examples.columns)) == (50.0, ["note", "topic"])
    compared = qatk.compare("right.json", "half.json", data="data.csv", options=given, draws=1000)
    assert [system.evaluation.metrics["exact"] for system in compared.systems] == [100.0, 50.0]
    words = ["data.csv", "half.json", "--set", "delimiter=;", "--cluster", "topic", "--json"]
    settings = [word for role, name in roles.items() for word in ("--set", f"roles.{role}={name}")]
    assert json.loads(invoke(*words, *settings).stdout)["clusters"]["kind"] == "topic"
    of_two = ["right.json", "half.json", "--data", "data.csv", "--set", "delimiter=;", *settings, "--json"]
    done = json.loads(CliRunner().invoke(app, ["compare", *of_two]).stdout)
    assert [system["metrics"]["exact"] for system in done["systems"]] == [100.0, 50.0]
    for wrong, message in ((["--set", "nope=1"], "unknown option 'nope'"), (["--set", "nope"], "should be KEY=VALUE")):
        with pytest.raises(UsageError, match=message):
            CliRunner().invoke(app, ["eval", "data.csv", "half.json", *wrong], catch_exceptions=False)
    with pytest.raises(UsageError, match="--set: only for a recipe; --set also for --data"):
        CliRunner().invoke(app, ["compare", "right.json", "half.json", "--set", "a=1"], catch_exceptions=False)
    with pytest.raises(UsageError, match="options=: only for data="):
        qatk.compare("right.json", "half.json", options=given)
    words = ["eval", "data.csv", "half.json", "--set", "delimiter=;", *settings[:4]]
    with pytest.raises(DataError, match=r"no gold answers.*\n  --set roles.answers=NAME says which one"):
        CliRunner().invoke(app, words, catch_exceptions=False)


def test_command_tells_how_far_several_annotators_agree(files: Path) -> None:
    data = json.loads(Path("data.json").read_text())
    answers = data["data"][0]["paragraphs"][0]["qas"][1]["answers"]
    answers += [answers[0], {"text": "brown fox", "answer_start": answers[0]["answer_start"]}]
    Path("data.json").write_text(json.dumps(data))
    said = invoke("data.json", "p.json").stdout
    assert "each scored against the others: EM 66.7, F1 88.9 (1 question with 3.0 answers on average)." in said
    told = json.loads(invoke("data.json", "p.json", "--json").stdout)["agreement"]
    assert told == pytest.approx({"exact": 200 / 3, "f1": 800 / 9, "questions": 1, "answers": 3.0}, abs=0.05)


def test_json_has_the_intervals_that_are_printed(files: Path) -> None:
    data = json.loads(Path("data.json").read_text())
    (paragraph,) = data["data"][0]["paragraphs"]
    data["data"] = [{"title": qa["id"], "paragraphs": [{**paragraph, "qas": [qa]}]} for qa in paragraph["qas"]]
    Path("data.json").write_text(json.dumps(data))
    told = json.loads(invoke("data.json", "p.json", "--json").stdout)
    assert {**evaluate("data.json", "p.json").as_dict(), "agreement": None} == told
    assert told["clusters"] == {"kind": "article", "count": 4, "unnamed": 0}
    low, high = told["intervals"]["exact"]
    assert re.search(rf" 75\.00 +{low:.1f} to {high:.1f} ", invoke("data.json", "p.json").stdout)
    assert told["intervals"]["NoAns_f1"] == told["intervals"]["NoAns_exact"]


@pytest.mark.parametrize(
    ("odds", "said"),
    [
        ((-2.0, -1.0, 1.0, 2.0), "-2.0000"),
        ((5.0, 5.0, -9.0, -9.0), "answer nothing"),
        ((-1e999, 1e999, 1e999, 1e999), "-inf (answers nothing)"),
    ],
)
def test_best_thresholds_say_what_they_do(odds: tuple[float, ...], said: str, files: Path) -> None:
    """Of four questions the first alone is answered right, and two have no answer."""
    Path("p.json").write_text(json.dumps({"q0": "red fox", "q1": "hen", "q2": "wolf", "q3": "owl"}))
    Path("odds.json").write_text(json.dumps(dict(zip(("q0", "q1", "q2", "q3"), odds, strict=True))))
    assert said in invoke("data.json", "p.json", "--null-odds", "odds.json").stdout


def test_command_applies_a_threshold_and_ignores_others(files: Path) -> None:
    Path("p.json").write_text(json.dumps({**RIGHT, "q2": "cow", "q9": "owl"}))
    Path("odds.json").write_text(json.dumps({"q0": -2.0, "q1": -1.0, "q2": 1.0, "q3": 2.0, "q9": 0.0}))
    arguments = ["data.json", "p.json", "--null-odds", "odds.json", "--extra", "ignore", "--json"]
    exact = [json.loads(invoke(*arguments, *more).stdout)["exact"] for more in ([], ["--na-prob-thresh", "0.5"])]
    assert exact == [50.0, 75.0]


def test_command_leaves_errors_to_its_caller(files: Path) -> None:
    Path("p.json").write_text('{"q0": ""}')
    assert isinstance(invoke("data.json", "p.json").exception, PredictionsError)
    cut = invoke("data.json", "p.json", "--missing", "wrong", "--na-prob-thresh", "0")
    assert isinstance(cut.exception, UsageError)
    result = invoke("data.json", "p.json", "--missing", "wrong", "--json")
    assert json.loads(result.stdout)["exact"] == 0.0
    assert invoke("data.json", "p.json", "--missing", "maybe").exit_code == 2


def test_command_goes_by_a_column(files: Path) -> None:
    """Of one context there is no interval; of two sources there is, one that is wide."""
    data = json.loads(Path("data.json").read_text())
    for k, question in enumerate(data["data"][0]["paragraphs"][0]["qas"]):
        question["source"] = "web" if k % 2 else "book"
    Path("data.json").write_text(json.dumps(data))
    result = invoke("data.json", "p.json", "--cluster", "source")
    assert result.exit_code == 0, result.output
    assert "95 % intervals are by source: 2 sources." in result.stdout
    assert "1.2 to 100.0" in result.stdout
    Path("data.json").write_text(json.dumps(data).replace('"source"', '"lab[/x]"'))
    assert "95 % intervals are by lab[/x]: 2 lab[/x]s." in invoke("data.json", "p.json", "--cluster", "lab[/x]").stdout
    Path("data.json").write_text(json.dumps(data))
    lacking = invoke("data.json", "p.json", "--cluster", "author")
    assert isinstance(lacking.exception, UsageError)
    due = "data.json: cluster author: the data has no such column\n  there are title, context, source"
    assert str(lacking.exception) == due
    rows = [{"question": "?", "context": "A mill.", "answers": ["mill"], "id": "a", "town": "Delft"}]
    with pytest.raises(UsageError, match=r"no such column\n  there are title, context, town$"):
        evaluate(rows, {"a": "mill"}, cluster="author")
    found = evaluate("data.json", "p.json", cluster="source")
    assert found.clusters.kind == "source"
    assert found.interval("f1", np.ones(4, np.bool_)) == mean_interval(found.per_question["f1"], found.clusters.index)
