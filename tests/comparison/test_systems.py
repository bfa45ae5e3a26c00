"""Run folders and prediction files become systems over the same questions, or one message says why they cannot."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from compare_tools import answer, articles, evaluation, write_run
from qatk.comparison.compare import compare_systems, comparison_to_dict
from qatk.comparison.names import distinct_names
from qatk.comparison.systems import read_systems
from qatk.errors import PredictionsError, RunFolderError, UsageError
from qatk.evaluation.evaluate import evaluate
from qatk.evaluation.metrics import take
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveReporter
from qatk.results import Comparison, System
from qatk.run_folder.load import load_run
from qatk.types import Examples
from repository import SHARED, needs_shared_data

DATA = articles(48, 3)


@pytest.fixture
def runs(tmp_path: Path, host: PluginHost) -> list[Path]:
    """Two finished runs over the same questions."""
    return [write_run(tmp_path / n, evaluation(host, DATA, answer(DATA, r, 1))) for n, r in (("a", 0.5), ("b", 0.8))]


def test_runs_become_systems_with_what_is_known_of_them(runs: list[Path]) -> None:
    a, b = read_systems(runs)
    assert (a.name, b.name) == ("a", "b")
    assert (a.seeds, a.sources) == ([13], [str(runs[0])])
    assert a.facts == {"examples_per_second": 24.0, "parameters": 1234, "model_bytes": 100}
    assert a.evaluation.examples is b.evaluation.examples
    assert a.evaluation.predictions.nbest is not None
    assert b.evaluation.metrics["f1"] == pytest.approx(100 * b.per_question("f1").mean())
    assert read_systems(runs, nbest=False)[0].evaluation.predictions.nbest is None


def test_a_run_that_exported_its_model_counts_that_and_the_prediction_alone(runs: list[Path]) -> None:
    manifest = json.loads((runs[0] / "manifest.json").read_text())
    manifest["stages"]["predict"] |= {"seconds": 60.0, "counts": {"prediction_seconds": 0.5, "exported_bytes": 25}}
    (runs[0] / "manifest.json").write_text(json.dumps(manifest))
    a, b = read_systems(runs)
    assert a.facts == {"examples_per_second": 96.0, "parameters": 1234, "model_bytes": 25}
    assert b.facts == {"examples_per_second": 24.0, "parameters": 1234, "model_bytes": 100}


def test_a_run_by_itself_is_a_system(runs: list[Path]) -> None:
    alone = System.of_run(load_run(runs[0]))
    assert (alone.name, alone.seeds, alone.sources) == ("a", [13], [str(runs[0])])


@pytest.mark.parametrize("seeds", [(13, 14), (1, 12), (0, 1)])
def test_a_system_is_named_without_a_part_of_its_seeds(
    tmp_path: Path, host: PluginHost, seeds: tuple[int, int]
) -> None:
    made = evaluation(host, DATA, answer(DATA, 0.5, 1))
    folders = [write_run(tmp_path / f"layers3-seed{seed}", made, seed=seed) for seed in seeds]
    (one,) = read_systems(folders, group_seeds=True)
    assert (one.name, one.seeds) == ("layers3", [*seeds])


def test_runs_that_differ_in_their_seed_are_one_system(tmp_path: Path, host: PluginHost) -> None:
    made = evaluation(host, DATA, answer(DATA, 0.5, 1))
    folders = [
        write_run(tmp_path / f"{head}-seed-{seed}", made, seed=seed, head={"use": head})
        for head in ("linear", "joint")
        for seed in (0, 1)
    ]
    grouped = read_systems(folders, group_seeds=True)
    assert [(system.name, system.seeds) for system in grouped] == [("linear", [0, 1]), ("joint", [0, 1])]
    assert grouped[0].per_question("f1").shape == (2, 48)
    assert [s.name for s in read_systems(folders)] == ["linear-seed-0", "linear-seed-1", "joint-seed-0", "joint-seed-1"]
    named = read_systems(folders, names=["A", "B", "A", "B"])
    assert [(s.name, [Path(p).name for p in s.sources]) for s in named] == [
        ("A", ["linear-seed-0", "joint-seed-0"]),
        ("B", ["linear-seed-1", "joint-seed-1"]),
    ]
    (alone,) = read_systems(folders[:2], group_seeds=True)
    assert (alone.name, alone.seeds) == ("linear", [0, 1])


def test_seeds_are_one_system_whatever_else_changes_no_result(tmp_path: Path, host: PluginHost) -> None:
    made = evaluation(host, DATA, answer(DATA, 0.5, 1))
    same: list[dict[str, Any]] = [
        {"save_every": "5 min", "keep_last": 1, "score_epochs": False, "trainer": {"use": "torch", "epochs": 2.0}},
        {"launcher": {"use": "slurm"}, "trainer": {"use": "torch", "epochs": 2.0, "log_every": 5}},
        {"trainer": {"use": "torch", "epochs": 2.0, "log_every": 10, "gradient_checkpointing": True}},
    ]
    other = {"trainer": {"use": "torch", "epochs": 3.0}}
    gone = [{"trainer": {"use": "not-installed", "log_every": every}} for every in (5, 10)]
    recipes = enumerate([*same, other, *gone])
    folders = [write_run(tmp_path / str(number), made, seed=number, **recipe) for number, recipe in recipes]
    assert [system.seeds for system in read_systems(folders, group_seeds=True)] == [[0, 1, 2], [3], [4], [5]]


def test_the_settings_in_which_runs_differ_are_told_in_every_form(tmp_path: Path, host: PluginHost) -> None:
    made = evaluation(host, DATA, answer(DATA, 0.5, 1))
    recipes: dict[str, Any] = {
        "short": {"seed": 1, "trainer": {"use": "torch", "epochs": 2.0, "log_every": 5}},
        "taught": {"seed": 2, "trainer": {"use": "distil", "epochs": 2.0, "teacher": "a | b"}},
    }
    folders = [write_run(tmp_path / name, made, **recipe) for name, recipe in recipes.items()]
    (tmp_path / "said.json").write_text(json.dumps(dict.fromkeys(DATA.id, "")))
    compared = compare_systems(read_systems([*folders, tmp_path / "said.json"], host=host))
    due = {"trainer.use": ['"torch"', '"distil"', "-"], "trainer.teacher": ["not there", '"a | b"', "-"]}
    assert compared.settings == due
    told = [system["settings"] for system in plain(compared)["systems"]]
    assert told == [{"trainer.use": "torch"}, {"trainer.use": "distil", "trainer.teacher": "a | b"}, {}]
    for name, line in (("console", 'trainer.teacher   not there   "a | b"'), ("markdown", "<code>not there</code>")):
        assert line in shown(compared, name, host)
    host.live(LiveReporter, "reporter", "html").compare(compared, tmp_path / "page.html", Console(), show=1)
    assert ">trainer.teacher</" in (tmp_path / "page.html").read_text("utf-8")
    assert read_systems(folders, names=["a", "b"])[0].settings == {}, "names that are given say it"
    alike = compare_systems(read_systems([folders[0], write_run(tmp_path / "other", made, **recipes["short"])]))
    assert alike.settings == {}
    assert "Settings" not in shown(alike, "console", host)


def plain(comparison: Comparison) -> Any:
    return json.loads(json.dumps(comparison_to_dict(comparison)))


def shown(comparison: Comparison, reporter: str, host: PluginHost) -> str:
    console = Console(file=io.StringIO(), width=120)
    host.live(LiveReporter, "reporter", reporter).compare(comparison, None, console, show=1)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_another_order_of_the_questions_is_brought_into_that_of_the_first(
    runs: list[Path], tmp_path: Path, host: PluginHost
) -> None:
    order = np.random.default_rng(0).permutation(len(DATA))
    made = load_run(runs[1]).evaluation
    shuffled = write_run(tmp_path / "shuffled", take(made, order))
    _, straight = read_systems(runs)
    _, again = read_systems([runs[0], shuffled])
    assert again.evaluation.examples.id == straight.evaluation.examples.id
    assert again.evaluation.predictions.text == straight.evaluation.predictions.text
    assert np.array_equal(again.per_question("f1"), straight.per_question("f1"))
    assert dict(again.evaluation.metrics) == dict(straight.evaluation.metrics)
    one, other = again.evaluation.predictions.nbest, straight.evaluation.predictions.nbest
    assert one is not None
    assert other is not None
    assert list(one.text) == list(other.text)
    assert all(
        np.array_equal(again.evaluation.masks[slicer][name], mask)
        for slicer, groups in straight.evaluation.masks.items()
        for name, mask in groups.items()
    )


def test_partly_common_questions_are_refused_with_the_list_or_used(
    runs: list[Path], tmp_path: Path, host: PluginHost
) -> None:
    rows = np.arange(2, len(DATA))
    fewer = write_run(tmp_path / "fewer", take(load_run(runs[1]).evaluation, rows))
    with pytest.raises(PredictionsError) as error:
        read_systems([runs[0], fewer])
    assert "2 question ids are not in fewer: q0, q1" in str(error.value)
    assert "46 common questions: common=True" in str(error.value)
    a, b = read_systems([runs[0], fewer], common=True)
    assert list(a.evaluation.examples.id) == list(b.evaluation.examples.id) == list(DATA.id[2:])
    assert a.evaluation.metrics["total"] == 46
    assert a.evaluation.metrics["f1"] == pytest.approx(100 * a.per_question("f1").mean())


def test_no_common_question(runs: list[Path], tmp_path: Path, host: PluginHost) -> None:
    others = replace(DATA, id=[f"other-{i}" for i in range(len(DATA))])
    strange = write_run(tmp_path / "strange", evaluation(host, others, answer(others, 0.5, 1)))
    for common in (False, True):
        with pytest.raises(PredictionsError, match="a and strange have no question in common"):
            read_systems([runs[0], strange], common=common)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"question": ["Really?", *DATA.question[1:]]}, "another text"),
        ({"context": ["Something else.", *DATA.context[1:]]}, "another context"),
        ({"answer_text": ["1066", *DATA.answer_text[1:]]}, "other gold answers"),
    ],
)
def test_other_data_are_refused_with_what_differs(
    change: dict[str, Any], what: str, runs: list[Path], tmp_path: Path, host: PluginHost
) -> None:
    others = replace(DATA, **change)
    changed = write_run(tmp_path / "changed", evaluation(host, others, answer(others, 0.5, 1)))
    with pytest.raises(UsageError, match=f"the data differ: .* question ids? ha(ve|s) {what} in changed than in a: q"):
        read_systems([runs[0], changed], common=True)


def test_other_metrics_are_refused_with_what_differs(runs: list[Path], tmp_path: Path, host: PluginHost) -> None:
    made = load_run(runs[0]).evaluation
    more = replace(made, per_question={**made.per_question, "rouge": made.per_question["f1"]})
    with pytest.raises(UsageError, match=r"the metrics differ: a was scored by exact, f1 .* more by exact, f1, rouge"):
        read_systems([runs[0], write_run(tmp_path / "more", more)])
    other = write_run(tmp_path / "other", made, metrics=[{"use": "evaluate", "name": "squad_v2"}])
    with pytest.raises(UsageError, match="squad_v2"):
        read_systems([runs[0], other])


def test_a_folder_that_is_no_run_and_one_that_is_unfinished(runs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunFolderError, match="empty is not a run folder"):
        read_systems([runs[0], tmp_path / "empty"])
    begun = write_run(tmp_path / "begun", load_run(runs[0]).evaluation, stages=["data", "predict"])
    with pytest.raises(RunFolderError, match="begun is unfinished"):
        read_systems([runs[0], begun])


def test_no_system_is_refused_and_one_is_read(runs: list[Path]) -> None:
    for data in (None, DATA):
        with pytest.raises(UsageError, match="there is nothing to compare"):
            read_systems([], data=data)
    (one,) = read_systems(runs[:1])
    assert one.evaluation.metrics == load_run(runs[0]).metrics


def test_scores_and_odds_that_are_not_numbers(runs: list[Path], tmp_path: Path) -> None:
    made = load_run(runs[0]).evaluation
    f1 = made.per_question["f1"].copy()
    f1[3] = np.nan
    bad = write_run(tmp_path / "bad", replace(made, per_question={**made.per_question, "f1": f1}))
    with pytest.raises(PredictionsError, match=r"bad: 1 question id has f1 of NaN: q3"):
        read_systems([runs[0], bad])
    null = made.predictions.null_score.copy()
    null[[5, 7]] = np.nan
    worse = write_run(tmp_path / "worse", replace(made, predictions=replace(made.predictions, null_score=null)))
    with pytest.raises(PredictionsError, match=r"worse: 2 question ids have null odds of NaN: q5, q7"):
        read_systems([runs[0], worse])


def test_a_run_without_any_odds_is_no_mistake(runs: list[Path], tmp_path: Path, host: PluginHost) -> None:
    silent = write_run(tmp_path / "silent", evaluation(host, DATA, answer(DATA, 0.5, 2, odds=False)))
    assert np.isnan(read_systems([runs[0], silent])[1].evaluation.predictions.null_odds).all()


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["runs/a", "runs/b"], ["a", "b"]),
        (["runs/a/", "runs/b/out/.."], ["a", "b"]),
        (["x/run/1", "y/run/1"], ["x", "y"]),
        (["x/a", "x/a"], ["a", "a (2)"]),
        (["p/one.json", "p/two.json.gz"], ["one", "two"]),
        (["nlnet.predictions.json.gz", "bidaf.predictions.json.gz"], ["nlnet", "bidaf"]),
        (["a/predictions.json", "b/predictions.json"], ["a", "b"]),
        (["runs/x", "runs/x/y"], ["x", "x/y"]),
        (["runs/m/seed0", "runs/n/seed1"], ["m/seed0", "n/seed1"]),
        (["/here/x/run", "/there/of/mine/other"], ["run", "other"]),
        (["/here/x/run", "/there/of/mine/run", "/there/x/a/b"], ["x/run", "mine/run", "a/b"]),
        (["predictions.json", "other.predictions.json"], ["predictions", "other"]),
        (["one.json", "one.predictions.json"], ["one", "one.predictions"]),
        (["nlnet.predictions.json.gz", "base"], ["nlnet", "base"]),
    ],
)
def test_names_are_what_distinguishes_the_paths(paths: list[str], names: list[str]) -> None:
    assert distinct_names(paths) == names


def files(folder: Path, **contents: Mapping[str, object]) -> list[Path]:
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return [folder / f"{name}.json" for name in contents]


def texts(examples: Examples, right: float, seed: int) -> dict[str, str]:
    return dict(zip(examples.id, answer(examples, right, seed).text, strict=True))


def test_prediction_files_become_systems_with_slices(tmp_path: Path, host: PluginHost) -> None:
    said, odds = texts(DATA, 0.5, 1), dict.fromkeys(DATA.id, 0.5)
    paths = files(tmp_path, one=said, two=texts(DATA, 0.9, 2), odds=odds)
    one, two = read_systems(paths[:2], [None, paths[2]], data=DATA, host=host)
    assert (one.name, two.name, two.sources, two.seeds) == ("one", "two", [str(paths[1])], [None])
    assert set(two.evaluation.masks["question-word"]) == {"who", "when", "where"}
    assert {row.name for row in two.evaluation.slices} >= {"who", "when", "where"}
    assert "best_f1" in two.evaluation.metrics
    assert "best_f1" not in one.evaluation.metrics
    rows = [json.dumps({"id": name, "prediction": text, "null_odds": 0.5}) for name, text in said.items()]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    for given in ([], [None, paths[2]]):
        own, _ = read_systems([tmp_path / "rows.jsonl", paths[1]], given, data=DATA, host=host)
        assert own.evaluation.metrics["best_f1"] == pytest.approx(one.evaluation.metrics["f1"])


def test_prediction_files_are_scored_by_a_threshold_as_eval_does(tmp_path: Path, host: PluginHost) -> None:
    said = [dict(zip(DATA.id, answer(DATA, 0.9, seed).text, strict=True)) for seed in (1, 2)]
    odds = {name: 0.1 * (row % 10) for row, name in enumerate(DATA.id)}
    paths = files(tmp_path, one=said[0], two=said[1], odds=odds)
    read = partial(read_systems, paths[:2], data=DATA, host=host)
    edge = odds[DATA.id[3]]  # not of float32
    due = [evaluate(DATA, each, null_odds=odds, na_prob_thresh=edge).metrics for each in said]
    plain = [evaluate(DATA, each, null_odds=odds).metrics for each in said]
    assert due[0]["f1"] != plain[0]["f1"]
    for thresholds, expected in (((edge,), due), ((None, edge), [plain[0], due[1]]), ((), plain)):
        found = read([paths[2]] * 2, na_prob_thresh=thresholds)
        assert [system.evaluation.metrics for system in found] == expected
    with pytest.raises(UsageError, match=r"one\.json: a threshold needs null odds"):
        read([None, paths[2]], na_prob_thresh=[0.5])
    assert read([None, paths[2]], na_prob_thresh=[None, edge])[1].evaluation.metrics == due[1]
    run = write_run(tmp_path / "run", evaluation(host, DATA, answer(DATA, 0.5, 1)))
    for sources in ([run, paths[0]], [paths[0], run]):
        found = read_systems(sources, [paths[2]], na_prob_thresh=[edge], host=host)
        assert [system.evaluation.metrics for system in found if system.sources == [str(paths[0])]] == due[:1]


def test_files_that_lack_questions(tmp_path: Path, host: PluginHost) -> None:
    full, extra = texts(DATA, 0.5, 1), texts(DATA, 0.9, 2) | {"strange": "?"}
    part = {name: text for name, text in full.items() if name != "q9"}
    paths = files(tmp_path, part=part, extra=extra)
    with pytest.raises(PredictionsError) as error:
        read_systems(paths, data=DATA, host=host)
    assert "1 question id is not in part: q9" not in str(error.value)  # nor is "strange"
    assert "are not in part: q9, strange" in str(error.value)
    assert "1 question id is not in the data: strange" in str(error.value)
    one, _ = read_systems(paths, data=DATA, host=host, common=True)
    assert len(one.evaluation.examples) == len(DATA) - 1
    with pytest.raises(PredictionsError, match="no question in common"):
        read_systems([*paths[:1], *files(tmp_path, strange={"x": "y"})], data=DATA, host=host, common=True)


def test_odds_must_belong_to_the_predictions(tmp_path: Path, host: PluginHost) -> None:
    odds = dict.fromkeys(DATA.id, 0.5)
    paths = files(tmp_path, one=texts(DATA, 0.5, 1), two=texts(DATA, 0.9, 2), odds=odds | {"strange": 1.0}, nan={})
    with pytest.raises(PredictionsError, match=r"two: 1 question id has null odds but no prediction: strange"):
        read_systems(paths[:2], [None, paths[2]], data=DATA, host=host)
    with pytest.raises(UsageError, match="1 file of null odds for 2 of predictions"):
        read_systems(paths[:2], [paths[2]], data=DATA, host=host)
    (tmp_path / "nan.json").write_text(json.dumps(odds | {"q3": float("nan")}))
    with pytest.raises(Exception, match=r"nan\.json: question 'q3' has NaN instead of numbers"):
        read_systems(paths[:2], [None, paths[3]], data=DATA, host=host)


def test_a_predictions_file_beside_a_run_is_scored_on_the_data_of_the_run(runs: list[Path], tmp_path: Path) -> None:
    said = answer(DATA, 0.9, 2)
    shuffled = dict(reversed(list(zip(DATA.id, said.text, strict=True))))
    (file, odds) = files(tmp_path, said=shuffled, odds=dict(zip(DATA.id, said.null_odds.tolist(), strict=True)))
    first, run = read_systems([file, runs[0]], [odds])
    assert (first.name, first.seeds, first.facts, run.seeds) == ("said", [None], {}, [13])
    assert first.evaluation.examples is run.evaluation.examples
    assert first.evaluation.masks.keys() == run.evaluation.masks.keys()
    assert first.evaluation.metrics == evaluate(DATA, shuffled, null_odds=odds).metrics
    assert run.evaluation.metrics == load_run(runs[0]).metrics


def test_files_beside_seeds_of_a_run(tmp_path: Path, host: PluginHost) -> None:
    made = evaluation(host, DATA, answer(DATA, 0.5, 1))
    folders = [write_run(tmp_path / f"run-{seed}", made, seed=seed) for seed in (0, 1)]
    (file,) = files(tmp_path, published=texts(DATA, 0.9, 2))
    run, published = read_systems([*folders, file], group_seeds=True)
    assert (run.name, run.seeds, published.name, published.seeds) == ("run", [0, 1], "published", [None])
    assert compare_systems([published, run], draws=99).pairs[0].differences[0].two_way is not None


@pytest.mark.parametrize(
    ("columns", "kind"), [(["source"], "source"), (["source", "source"], "source"), (["source", "day"], "article")]
)
def test_a_file_is_compared_by_the_column_of_the_runs_beside_it(
    columns: list[str], kind: str, tmp_path: Path, host: PluginHost
) -> None:
    data = replace(DATA, columns={"source": [f"s{row % 3}" for row in range(len(DATA))], "day": list("abcd" * 12)})
    made = evaluation(host, data, answer(data, 0.5, 1))
    runs = [write_run(tmp_path / f"run-{i}", made, cluster=column) for i, column in enumerate(columns)]
    systems = read_systems([*files(tmp_path, published=texts(DATA, 0.9, 2)), *runs])
    assert compare_systems(systems, draws=99).clusters.kind == kind


def test_files_that_do_not_fit_the_run_beside_them(runs: list[Path], tmp_path: Path, host: PluginHost) -> None:
    part = {name: text for name, text in texts(DATA, 0.9, 2).items() if name != "q9"}
    (file,) = files(tmp_path, part=part)
    with pytest.raises(PredictionsError, match=r"1 question id is not in part: q9"):
        read_systems([runs[0], file])
    run, fewer = read_systems([runs[0], file], common=True)
    assert len(run.evaluation.examples) == len(fewer.evaluation.examples) == len(DATA) - 1
    with pytest.raises(UsageError, match="1 file of null odds for 0 of predictions"):
        read_systems(runs, [file])
    with pytest.raises(UsageError, match=r"prediction files need the data: data="):
        read_systems([file, file])
    other = write_run(tmp_path / "other", evaluation(host, DATA, answer(DATA, 0.5, 1)), metrics=[{"use": "mine"}])
    with pytest.raises(UsageError, match=r"the metrics differ: other was scored by .*mine.*, part by squad"):
        read_systems([other, file])


@needs_shared_data
def test_published_predictions_have_their_figures(host: PluginHost) -> None:
    data = SHARED / "squad2-mini" / "dev.json.gz"
    files = [SHARED / "parity" / f"{name}.predictions.json.gz" for name in ("nlnet-v2", "bidaf-elmo-v2")]
    found = read_systems(files, data=data, host=host)
    assert [system.name for system in found] == ["nlnet-v2", "bidaf-elmo-v2"]
    for system in found:
        path = SHARED / "parity" / f"{system.name}.predictions.json.gz"
        assert dict(system.evaluation.metrics) == dict(evaluate(data, path, host=host).metrics)


def test_an_evaluation_of_some_questions_is_that_of_their_data(host: PluginHost) -> None:
    rows = np.array([5, 1, 30])
    whole = evaluation(host, DATA, answer(DATA, 0.5, 1))
    some = take(whole, rows)
    again = evaluation(host, DATA.take(rows), whole.predictions.take(rows))
    assert dict(some.metrics) == dict(again.metrics)
    assert list(some.predictions.text) == [whole.predictions.text[row] for row in rows]
