"""``qatk compare`` as its user meets it: the report, JSON, Markdown, and one message for each mistake."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text
from typer.testing import CliRunner

from commands import call, forked_python
from compare_tools import answer, articles, evaluation, squad_of, system, write_run
from modules import HEAVY, modules_loaded
from qatk import __version__
from qatk.cli import app
from qatk.comparison.compare import compare_systems
from qatk.comparison.selection import compile_pattern, in_slice, matching, narrow
from qatk.errors import QatkError
from qatk.plugins.host import PluginHost
from qatk.results.comparison import Comparison, System
from qatk.run_folder.load import load_run
from qatk.runs.calibrating import calibrate
from qatk.sweeps.compare import compare as compare_results
from repository import ROOT, SHARED, needs_shared_data
from small import write_recipe

DATA = articles(96, 4)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, host: PluginHost) -> Path:
    """Finished runs ``bad`` and ``good``, an unfinished one, one of fewer questions, prediction files with data."""
    root = tmp_path_factory.mktemp("runs")
    for name, right, seed in (("bad", 0.35, 1), ("good", 0.9, 2)):
        write_run(root / name, evaluation(host, DATA, answer(DATA, right, seed)))
    write_run(root / "begun", evaluation(host, DATA, answer(DATA, 0.5, 3)), stages=["predict"])
    few = DATA.take(range(90))
    write_run(root / "few", evaluation(host, few, answer(few, 0.5, 4)))
    (root / "empty").mkdir()
    (root / "data.json").write_text(json.dumps(squad_of(DATA)))
    for name in ("bad", "good"):
        texts = answer(DATA, 0.35 if name == "bad" else 0.9, 1 if name == "bad" else 2)
        (root / f"{name}.json").write_text(json.dumps(dict(zip(DATA.id, texts.text, strict=True))))
        odds = dict(zip(DATA.id, texts.null_odds.tolist(), strict=True))
        (root / f"{name}.odds.json").write_text(json.dumps(odds))
    (root / "other.json").write_text(json.dumps({f"x{name}": "" for name in DATA.id}))
    write_recipe(root)
    return root


def compare(root: Path, *arguments: str, width: int = 100) -> str:
    """The standard output of a call in ``root``; an error is raised as it is."""
    before = Path.cwd()
    os.chdir(root)
    try:
        done = CliRunner(env={"COLUMNS": str(width)}).invoke(app, ["compare", *arguments])
    finally:
        os.chdir(before)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_verdict_stands_first(folders: Path) -> None:
    lines = [line.strip() for line in compare(folders, "bad", "good").splitlines()]
    assert lines[0].startswith("bad against good ━")
    assert lines[1].startswith("good is better than bad by ")
    assert " ".join(lines[1:4]).endswith(
        "With one seed each, this is about these two trained models, not about the methods. "
        "dev · 96 questions · 4 articles · normaliser en · 10,000 bootstrap draws, seed 13"
    )


def test_the_report_shows_all_that_is_promised(folders: Path) -> None:
    report = compare(folders, "bad", "good", width=120)
    for part in (
        "HasAns         NoAns",
        "95 % intervals by article",
        "AUC",
        "examples/s  parameters   size",
        "48       1.2 k  100 B",
        "B - A   points, with 95 % intervals",
        "p by    ",
        "by question  question",
        "by article",
        "Holm p  detects",
        "Right and wrong",
        "false abstention",
        "B right, A wrong: 3 of ",
        "A right, B wrong: ",
        "A and B wrong in different ways: ",
        "question  Wh",
        "gold      ",
    ):
        assert part in report, part


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("colour", [True, False])
def test_no_line_is_wider_than_the_terminal(host: PluginHost, width: int, colour: bool) -> None:
    lines = render(host, three(host), width, colour).splitlines()
    assert len(lines) > 60
    for line in lines:
        assert Text.from_ansi(line).cell_len <= width, line


def three(host: PluginHost) -> Comparison:
    """Three systems with long names, one of them with seeds."""
    names = ("google/a-very-long-name-of-a-backbone-large", "b", "c")
    rates = ([0.4, 0.5], [0.9], [0.45])
    return compare_systems([system(host, n, DATA, r, 5 * i) for i, (n, r) in enumerate(zip(names, rates, strict=True))])


def render(host: PluginHost, comparison: Comparison, width: int, colour: bool = False, show: int = 2) -> str:
    console = Console(file=StringIO(), width=width, highlight=False, force_terminal=colour)
    host.build("reporter", "console").compare(comparison, None, console, show=show)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


NAMES = (
    "google/a-very-long-name-of-a-backbone-large",
    "runs/an-even-longer-name-of-a-run-folder/learning_rate-3e-05-seed-14",
    "c",
)


@pytest.mark.parametrize("width", [60, 70, 80])
@pytest.mark.parametrize("count", [2, 3])
def test_no_name_and_no_figure_is_lost_whatever_plugins_add(host: PluginHost, width: int, count: int) -> None:
    systems = []
    for i, name in enumerate(NAMES[:count]):
        made = system(host, name, DATA, [0.3 + 0.3 * i], 5 * i)
        further = {f"semantic_similarity_{k}": 10 * k + i + 0.125 for k in range(6)}
        of = made.evaluations[0]
        systems.append(replace(made, evaluations=[replace(of, metrics={**of.metrics, **further})]))
    comparison = compare_systems(systems)
    report = render(host, comparison, width)
    lines = report.splitlines()
    assert max(Text(line).cell_len for line in lines) <= width
    begin = next(i for i, line in enumerate(lines) if line.startswith("Systems"))
    table = lines[begin : begin + lines[begin:].index("")]
    text = "\n".join(table)
    for name, made in zip(NAMES, systems, strict=False):
        assert whole(name, table), text
        for metric, value in made.evaluations[0].metrics.items():
            if metric.startswith("semantic") or metric in ("exact", "f1", "HasAns_f1", "NoAns_f1"):
                assert re.search(rf"\b{value:.1f}", text), (metric, text)
    tables = report.partition("Both wrong")[0]
    wanted = set(re.findall(r"-?\d+\.\d to -?\d+\.\d", render(host, comparison, 200, show=0)))
    assert len(wanted) > 4
    assert not [found for found in wanted if found not in tables]


def whole(name: str, lines: list[str]) -> bool:
    """Whether a name stands in a table, wrapped or not: its pieces below each other."""
    for row, line in enumerate(lines):
        if (column := line.find(name[:6])) >= 0:
            size = len(line[column:].partition(" ")[0])
            if "".join(more[column : column + size].strip() for more in lines[row : row + 8]).startswith(name):
                return True
    return False


def test_every_seed_is_shown(host: PluginHost) -> None:
    report = render(host, three(host), 120)
    assert "seed 0" in report
    assert "seed 1" in report
    assert "over seeds" in report
    assert "3 systems, baseline google/a-very" in report


def test_many_systems_share_a_table(host: PluginHost) -> None:
    systems = [system(host, f"s{i}", DATA, [0.3 + i / 10], i) for i in range(5)]
    report = render(host, compare_systems(systems), 80, show=0)
    assert report.count("Differences from A") == 1
    assert "  E  EM" in report


def test_what_the_data_says_is_shown_and_not_obeyed(host: PluginHost) -> None:
    base = system(host, "[bold]x\x1b[31m", DATA, [0.2])
    other = system(host, "y", DATA, [0.9], 3)
    examples = replace(DATA, question=["[red]\x1b[2Jwhy[/red]?"] * len(DATA))
    systems = [
        System(s.name, [replace(e, examples=examples) for e in s.evaluations], s.seeds, s.sources, s.facts)
        for s in (base, other)
    ]
    report = render(host, compare_systems(systems), 100)
    assert "[red]␛[2Jwhy[/red]?" in report
    assert "[bold]x␛[31m" in report
    assert "\x1b" not in report


def test_json_holds_everything(folders: Path) -> None:
    found = json.loads(compare(folders, "bad", "good", "--json", "--draws", "1000", "--seed", "3"))
    assert (found["questions"], found["draws"], found["seed"]) == (96, 1000, 3)
    (pair,) = found["pairs"]
    assert pair["differences"][0]["verdict"] == "better"
    assert set(pair["wins"]) <= set(DATA.id)


@pytest.mark.parametrize("form", ["path", "url"])
def test_systems_are_called_by_what_was_named(
    form: str, host: PluginHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QATK_CACHE", str(tmp_path / "cache"))
    folders = {tmp_path / name / "seed0" / "run": rate for name, rate in (("exp-a", 0.3), ("exp-b", 0.9))}
    runs = [
        write_run(folder, evaluation(host, DATA, answer(DATA, rate, 1)), key=folder.parts[-3])
        for folder, rate in folders.items()
    ]
    named = [run.as_uri() if form == "url" else str(run) for run in runs]
    for grouped in ([], ["--group-seeds"]):
        plain = json.loads(compare(tmp_path, *named, *grouped, "--json", "--draws", "1000"))["systems"]
        assert [(each["name"], each["runs"][0]["source"]) for each in plain] == list(
            zip(["exp-a", "exp-b"], named, strict=True)
        )
        assert plain[0]["facts"] == {"examples_per_second": 48.0, "parameters": 1234, "model_bytes": 100}
    results = [load_run(place) for place in named]
    again = compare_results(*results, draws=1000)
    assert [(each.name, *each.sources) for each in again.systems] == list(zip(["exp-a", "exp-b"], named, strict=True))
    assert [*System.of_run(results[0]).sources] == named[:1]
    if form == "url":
        with pytest.raises(QatkError, match=f"{named[0]}: a run at a URL is only read"):
            calibrate(results[0], write=True)
    (runs[0] / "manifest.json").write_text("{")
    with pytest.raises(QatkError, match=f"^{named[0]}/manifest.json:1:2 cannot be read"):
        load_run(named[0])


def test_json_of_eval_compare_and_calibrate_has_one_form(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folders)

    def told(*words: str) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads(CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False).stdout)
        return plain

    compared = told("compare", *FILES, "--draws", "1000")
    scored = told("eval", "data.json", "bad.json")
    calibrated = told("calibrate", "bad.json", "--data", "data.json", "--null-odds", "bad.odds.json")
    assert compared["clusters"] == scored["clusters"] == calibrated["clusters"]
    assert compared["clusters"] == {"kind": "article", "count": 4, "unnamed": 0}
    assert compared["systems"][0]["intervals"] == scored["intervals"]
    for figures in (compared, scored):
        assert figures["data"] == {"name": "data.json", "digest": DATA.digest()}
        assert figures["qatk"] == __version__
    assert scored["intervals"].keys() <= scored.keys() & compared["systems"][0]["metrics"].keys()
    for figures in (calibrated["at_zero"], calibrated["held_out"]):
        assert figures["intervals"].keys() == {"exact", "f1"} <= figures.keys()


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"use": "squad", "path": "data/own.json"}, "test (own.json)"),
        ({"use": "hub", "name": "rajpurkar/squad_v2"}, "test (rajpurkar/squad_v2)"),
        ({"use": "facts", "seed": 3}, "test (facts)"),
    ],
)
def test_every_output_says_which_data_it_is_of(
    section: dict[str, Any], said: str, tmp_path: Path, host: PluginHost
) -> None:
    of = evaluation(host, DATA, answer(DATA, 0.5, 1))
    for name in ("a", "b"):
        run = write_run(tmp_path / name, of, data={"test": section})
        manifest = json.loads((run / "manifest.json").read_text())
        manifest["data"]["test"] = manifest["data"]["dev"]
        (run / "manifest.json").write_text(json.dumps(manifest))
        shutil.copytree(run, run / "sets" / "test", ignore=shutil.ignore_patterns("sets"))
    (tmp_path / "c.json").write_text(json.dumps(dict(zip(DATA.id, of.predictions.text, strict=True))))
    sources = ["c.json", "a", "b", "--on", "test", "--draws", "1000"]
    report = compare(tmp_path, *sources, "--markdown", "c.md", "--html", "c.html", width=200)
    basis = f"{said} · 96 questions · 4 articles"
    for text in (report, html.unescape((tmp_path / "c.md").read_text()), (tmp_path / "c.html").read_text()):
        assert basis in text
    found = json.loads(compare(tmp_path, *sources, "--json"))["data"]
    assert found == {"name": said, "digest": manifest["data"]["dev"]["digest"]}


def test_prediction_files_give_the_same_as_their_runs(folders: Path) -> None:
    files = compare(folders, "bad.json", "good.json", "--data", "data.json", "--json")
    runs = compare(folders, "bad", "good", "--json")
    first, second = (json.loads(text)["pairs"][0]["differences"] for text in (files, runs))
    assert first == second


def test_odds_are_optional_one_by_one(folders: Path) -> None:
    arguments = ["bad.json", "good.json", "--data", "data.json", "--null-odds", "-", "--null-odds", "good.odds.json"]
    found = json.loads(compare(folders, *arguments, "--json"))
    assert ["best_f1" in system["metrics"] for system in found["systems"]] == [False, True]


def test_a_threshold_on_the_odds_of_files_is_taken(folders: Path) -> None:
    odds = ["--null-odds", "bad.odds.json", "--null-odds", "good.odds.json"]
    found = json.loads(compare(folders, *FILES, *odds, "--na-prob-thresh", "-999", "--na-prob-thresh", "-", "--json"))
    plain = json.loads(compare(folders, *FILES, *odds, "--json"))
    assert found["systems"][0] != plain["systems"][0]
    assert found["systems"][1] == plain["systems"][1]


def test_questions_in_common(folders: Path) -> None:
    found = json.loads(compare(folders, "bad", "few", "--common", "--json"))
    assert found["questions"] == 90


def test_wins_are_narrowed_and_figures_are_not(folders: Path) -> None:
    whole = json.loads(compare(folders, "bad", "good", "--json"))
    some = json.loads(compare(folders, "bad", "good", "--json", "--slice", "question-word:who", "--grep", "NUMBER 1"))
    assert some["pairs"][0]["differences"] == whole["pairs"][0]["differences"]
    questions = dict(zip(DATA.id, DATA.question, strict=True))
    wanted = [i for i in whole["pairs"][0]["wins"] if questions[i].startswith("Who built number 1")]
    assert some["pairs"][0]["wins"] == wanted
    assert wanted
    report = compare(folders, "bad", "good", "--slice", "question-word: who", "--grep", "number 1")
    assert "B right, A wrong in question-word: who, matching 'number 1': " in " ".join(report.split())


def test_runs_that_differ_in_their_seed_can_be_one_system(tmp_path: Path, host: PluginHost) -> None:
    for name, right, seeds in (("one", 0.4, (1, 2)), ("two", 0.8, (3, 4))):
        for seed in seeds:
            of = evaluation(host, DATA, answer(DATA, right, seed))
            write_run(tmp_path / f"{name}-{seed}", of, seed=seed, key=name)
    folders = ["one-1", "one-2", "two-3", "two-4"]
    assert len(json.loads(compare(tmp_path, *folders, "--json"))["systems"]) == 4
    grouped = json.loads(compare(tmp_path, *folders, "--group-seeds", "--json"))["systems"]
    assert [[run["seed"] for run in system["runs"]] for system in grouped] == [[1, 2], [3, 4]]


def test_a_pattern_looks_at_gold_and_answers_and_not_at_contexts(host: PluginHost) -> None:
    comparison = compare_systems([system(host, "a", DATA, [0.5]), system(host, "b", DATA, [0.6], 1)], draws=100)
    assert not matching(comparison, compile_pattern("towns")).any()
    gold = DATA.answers_of(1)[0]
    assert matching(comparison, compile_pattern(f"^{gold}$"))[1]
    assert narrow(comparison, in_slice(comparison, "question-word: when"), "x").selection == "x"


def test_show_says_how_many(folders: Path) -> None:
    assert "gold  " not in compare(folders, "bad", "good", "--show", "0")
    assert compare(folders, "bad", "good", "--show", "5").count("gold  ") > 5


def test_markdown_goes_to_a_file_or_the_terminal(folders: Path, tmp_path: Path) -> None:
    report = compare(folders, "bad", "good", "--markdown", str(tmp_path / "c.md"))
    assert report.startswith("bad against good ━")
    written = (tmp_path / "c.md").read_text()
    assert written.startswith("## bad against good\n\n**good is better than bad by ")
    assert compare(folders, "bad", "good", "--markdown", "-") == written


FILES = ["bad.json", "good.json", "--data", "data.json"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["bad", "--margin", "1"], 2, "between two systems, and this is one"),
        (["bad", "gone"], 2, "not found: gone"),
        (["bad", "empty"], 2, "empty is not a run folder"),
        (["bad", "begun"], 2, "the run in begun is unfinished"),
        (["bad", "few"], 1, "6 question ids are not in few: q90, q91, q92"),
        (["bad.json", "other.json", "--data", "data.json"], 1, "no question in common"),
        (["bad.json", "good.json"], 2, "prediction files need the data"),
        (["begun", "good", "--data", "data.json"], 2, "the run in begun is unfinished"),
        (["bad.json", "good.json", "--data", "data.json", "--null-odds", "bad.odds.json"], 2, "for 2 of predictions"),
        (["bad", "good", "--null-odds", "bad.odds.json"], 2, "--null-odds: only for prediction files"),
        (["bad", "good", "--na-prob-thresh", "0"], 2, "--na-prob-thresh: only for prediction files"),
        (["bad", "good", "--data", "data.json", "--na-prob-thresh", "0"], 2, "1 threshold for 0 prediction files"),
        ([*FILES, "--na-prob-thresh", "0"], 2, "bad.json: a threshold needs null odds"),
        ([*FILES, *["--na-prob-thresh", "0"] * 3], 2, "3 thresholds for 2 prediction files"),
        ([*FILES, "--na-prob-thresh", "nan"], 2, "--na-prob-thresh: 'nan' is no number"),
        (["recipe.yaml", "--seeds", "0,1", "--na-prob-thresh", "0"], 2, "--na-prob-thresh: only for models"),
        (["bad.json", "good.json", "--over", "head.use=a,b"], 2, "not a recipe: bad.json, good.json"),
        (["recipe.yaml", "empty", "--over", "head.use=a,b"], 2, "not a recipe: empty"),
        (["recipe.yaml"], 2, "one recipe is only one system"),
        (["recipe.yaml", "--over", "head.use=linear"], 2, "one value is only one system"),
        (["recipe.yaml", "--over", "head.us=a,b"], 2, "--over head.us=a,b: unknown option 'us'"),
        (["recipe.yaml", "--over", "backbone.layers=1,2", "--seeds", "0,x"], 2, "--seeds 0,x"),
        (["recipe.yaml", "--over", "backbone.layers=1,2", "--data", "data.json"], 2, "--data: only for models"),
        (["gone.yaml", "recipe.yaml"], 2, "there is no recipe gone.yaml"),
        (["bad", "good.json", "--seeds", "1"], 2, "not a recipe: good.json"),
        (["bad", "good", "--limit", "1", "--set", "a=b"], 2, "--set, --limit: only for a recipe"),
        (["bad", "good", "--grep", "("], 2, "no regular expression"),
        (["bad", "good", "--slice", "question-word: whom"], 2, "did you mean 'question-word: who'?"),
        (["bad", "good", "--slice", "nothing"], 2, "there are: question-word: "),
        (["bad", "good", "--markdown", "gone/c.md"], 2, "this file cannot be written"),
        (["bad", "good", "--json", "--markdown", "-"], 2, "both go to standard output"),
        (["bad", "good", "--html", "-"], 2, "the page cannot be printed"),
        (["bad", "good", "--html", "c.md", "--markdown", "./c.md"], 2, "both name c.md"),
        (["bad", "good", "--jobs", "2"], 2, "--jobs: only for a recipe"),
        (["recipe.yaml", "--over", "backbone.layers=1,2", "--common"], 2, "--common: only for run folders"),
        (
            ["recipe.yaml", "--seeds", "0,1", "--plan", "p", "--on", "a", "--cluster", "b"],
            2,
            "--on, --cluster: only for the",
        ),
        (["recipe.yaml", "--over", "backbone.layers=1,2", "--out", "data.json"], 2, "data.json cannot hold runs"),
        (["recipe.yaml", "--over", "backbone.layers=1,2", "--out", "data.json/x"], 2, "cannot hold runs"),
    ],
)
def test_a_mistake_is_told_in_one_message(folders: Path, arguments: list[str], code: int, said: str) -> None:
    with pytest.raises(QatkError) as caught:
        compare(folders, *arguments)
    assert said in str(caught.value)
    assert caught.value.exit_code == code


def test_equal_systems_are_said_to_be_equal(folders: Path) -> None:
    one = {DATA.id[0]: DATA.answers_of(0)[0] if DATA.answers_of(0) else ""}
    (folders / "one.json").write_text(json.dumps(one))
    report = compare(folders, "one.json", "one.json", "--data", "data.json", "--common")
    assert "have the same F1 on every question." in report
    assert "1 question · 1 context " in report
    assert all("0.0" not in line for line in compare(folders, "bad", "bad").splitlines() if "detects" in line)


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_cuts_no_figure_in_silence(folders: Path, width: int) -> None:
    def figures(columns: int) -> tuple[str, set[str]]:
        report = compare(folders, "bad", "good", width=columns)
        shown = report.partition("\nSystems")[2].partition("\nRight and wrong")[0]
        whole = re.findall(r"(?<![\d.])\d[\d.,]*(?![\d.…])", shown)
        return shown, {number.rstrip(".,") for number in whole}

    shown, found = figures(width)
    assert "bad" in shown
    assert "good" in shown
    assert found <= figures(200)[1]


def test_links_and_pipes_are_written_and_not_replaced(folders: Path, tmp_path: Path) -> None:
    (tmp_path / "link.md").symlink_to(tmp_path / "real.md")
    (tmp_path / "real.md").write_text("old")
    compare(folders, "bad", "good", "--markdown", str(tmp_path / "link.md"))
    assert (tmp_path / "link.md").is_symlink()
    assert (tmp_path / "real.md").read_text().startswith("## bad against good")
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", str(tmp_path / "pipe")], stdout=subprocess.PIPE, text=True) as reader:
        compare(folders, "bad", "good", "--markdown", str(tmp_path / "pipe"))
        assert reader.communicate(timeout=20)[0].startswith("## bad against good")
    assert (tmp_path / "pipe").is_fifo()


def test_a_sweep_that_is_terminated_leaves_no_run_behind(tmp_path: Path) -> None:
    write_recipe(tmp_path, train=64, dev=8, epochs=500)
    command = [sys.executable, "-m", "qatk", "compare", "recipe.yaml", "--over", "backbone.layers=1,2", "--out", "made"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as sweep:
        assert sweep.stderr is not None
        for line in sweep.stderr:
            if "train" in line:
                break
        tasks = Path(f"/proc/{sweep.pid}/task").iterdir()
        running = [pid for task in tasks for pid in (task / "children").read_text().split()]
        assert running
        sweep.terminate()
        said = sweep.stderr.read()
        assert sweep.wait(30) == -signal.SIGTERM
    assert "error: interrupted" in said
    assert not [pid for pid in running if Path(f"/proc/{pid}").exists()]


def test_a_recipe_is_run_over_its_values_and_a_run_that_fails_is_told(tmp_path: Path) -> None:
    write_recipe(tmp_path, train=32, dev=8, epochs=1)
    over = ["--over", "trainer.learning_rate=1e-3,2e-3,1e9", "--set", "trainer.max_grad_norm=1e9", "--limit", "8"]
    done = qatk(tmp_path, "recipe.yaml", *over, "--out", "made", "--show", "0", "--jobs", "2")
    assert done.returncode == 1
    assert done.stdout.startswith("learning_rate=1e-3 against learning_rate=2e-3 ━")
    assert "3 runs, 0 of them there already, 3 to make\n" in done.stderr
    assert "\nfailed: learning_rate=1e9, seed 13: " in done.stderr
    assert done.stderr.splitlines()[-2] == "error: 1 of 3 runs failed: learning_rate=1e9, seed 13"
    again = qatk(
        tmp_path, "recipe.yaml", *over[:1], "trainer.learning_rate=1e-3,2e-3", *over[2:], "--out", "made", "--json"
    )
    assert again.returncode == 0, again.stderr
    assert [run["state"] for run in json.loads(again.stdout)["runs"]] == ["reused", "reused"]
    assert again.stderr == ""


def qatk(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return call("qatk", "compare", *arguments, cwd=folder, FORKED_PYTHON=forked_python())


def test_comparing_loads_no_model_library(folders: Path) -> None:
    loaded = modules_loaded("compare", str(folders / "bad"), str(folders / "good"))
    assert not loaded & {*HEAVY, "pandas", "jinja2", "scipy"}
    assert not modules_loaded("compare", "--help") & {*HEAVY, "numpy", "pyarrow", "pluggy", "yaml"}


@needs_shared_data
def test_the_parity_systems() -> None:
    names = [str(SHARED / "parity" / f"{name}.predictions.json.gz") for name in ("bidaf-elmo-v2", "nlnet-v2")]
    data = str(SHARED / "squad2-mini" / "dev.json.gz")
    report = compare(SHARED, *names, "--data", data)
    said = "nlnet-v2 is better than bidaf-elmo-v2 by 11.6 F1 (95 % CI by article 7.4 to 15.8)."
    assert said in " ".join(report.split())


def test_the_sample_in_the_docs_is_what_is_printed() -> None:
    root = ROOT
    page = (root / "docs" / "how-to" / "compare.md").read_text("utf-8")
    sample = page.partition("<!-- sample -->\n```text\n")[2].partition("```")[0].splitlines()
    (command,) = [line for line in page.splitlines() if "--null-odds" in line and line.startswith("$ ")]
    printed = compare(root, *command.split()[3:], width=80).splitlines()
    assert len(sample) > 40
    assert [line.rstrip() for line in printed[: len(sample)]] == sample


def test_gold_of_several_spans_is_read_by_its_dataset(tmp_path: Path) -> None:
    folder = ROOT / "examples" / "evidence"
    (tmp_path / "few.json").write_text(json.dumps({"orrin": ["Arlen"], "clocks": ["Essen"], "bells": []}))
    inputs = [str(folder / "answers.json"), "few.json", "--data", str(folder / "gold.jsonl"), "--use", "evidence"]
    text = compare(tmp_path, *inputs, "--draws", "1000")
    assert "A missing spans  F1 0.67   B missing spans  F1 0.33" in text
    assert "Arlen; Borsk; old Cadiz | Cadiz" in text
    assert "A«B«[Arlen]»», [Borsk] and [old A«Cadiz»]" in text
