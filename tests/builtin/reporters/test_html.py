"""The page as a file: what it holds, that all of it is escaped, and how large it is."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import sys
from base64 import b64encode
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

import qatk
from commands import call
from make_result import CASES, MILL, Case, make_result
from page_tools import (
    Elements,
    comparison_page,
    held,
    large_evaluation,
    network_names,
    policy,
    run_page,
    two_systems,
)
from qatk.cli import app
from qatk.comparison.compare import compare_systems
from qatk.errors import RunFolderError, UsageError
from qatk.evaluation.error_kinds import KINDS, error_kinds_of
from qatk.plugins.host import PluginHost
from qatk.results.comparison import System
from qatk.run_folder.copies import here
from qatk_builtin.reporters.html import document
from qatk_builtin.reporters.html.charts import curve, diagonal
from qatk_builtin.reporters.html.costs import costs_chart, frontier
from qatk_builtin.reporters.html.curves import learning_chart
from qatk_builtin.reporters.html.document import write_page
from qatk_builtin.reporters.html.intervals import kinds_chart, slice_differences
from qatk_builtin.reporters.html.vega import keep_text
from qatk_builtin.reporters.shared.comparison import Contrast
from repository import ROOT

HOSTILE = '</script><script>window.hacked=1</script><img src=x onerror="window.hacked=2">&amp;\u2028 "\'<!--'


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, host: PluginHost) -> Path:
    return run_page(tmp_path_factory.mktemp("page") / "report.html", host)


def test_page_shows_the_figures_of_the_run(page: Path, host: PluginHost) -> None:
    text = " ".join(Elements(page.read_text("utf-8")).texts)
    metrics = make_result(host).metrics
    for key in ("exact", "f1", "HasAns_f1", "NoAns_f1"):
        assert f"{metrics[key]:.1f}" in text
    assert "tuned on this data: do not report it" in text
    assert "The official script's best F1" not in text, "it is the best of the sweep too"
    for title in ("Threshold sweep", "Precision and recall", "Reliability", "Slices", "Learning curve"):
        assert title in text


def test_what_all_pages_share_is_hashed_once(
    page: Path, host: PluginHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "content_policy", lambda *_: pytest.fail("a megabyte is hashed again"))
    assert run_page(tmp_path / "report.html", host).read_bytes() == page.read_bytes()


def test_the_agreement_of_annotators_is_shown(host: PluginHost, tmp_path: Path) -> None:
    agreeing = replace(CASES[0], gold=("1843", "1843", "in 1843"))
    path = run_page(tmp_path / "report.html", host, (agreeing, *CASES[1:]))
    text = " ".join(Elements(path.read_text("utf-8")).texts)
    assert "each scored against the others: EM 66.7, F1 88.9 (1 question" in text


def test_page_asks_no_network_and_runs_only_its_own_scripts(page: Path) -> None:
    elements = Elements(page.read_text("utf-8"))
    assert network_names(elements) == []
    allowed = policy(elements)
    assert "default-src 'none'" in allowed
    assert "unsafe" not in allowed
    run = [text for about, text in elements.scripts if "type" not in about]
    hashes = [f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in run]
    assert len(run) == 2
    assert all(each in allowed for each in hashes)
    assert not any(key.startswith("on") or key == "style" for _, about in elements.found for key in about)


def test_columns_hold_every_question(page: Path, host: PluginHost) -> None:
    evaluation = make_result(host).evaluation
    about, rows, best = held(page)
    n = len(CASES)
    assert about["count"] == about["total"] == n
    assert rows["id"] == list(evaluation.examples.id)
    assert rows["question"] == list(evaluation.examples.question)
    assert rows["context"] == list(evaluation.examples.context)
    assert rows["kind.0"].tolist() == error_kinds_of(evaluation).tolist()
    assert rows["f1.0"] == pytest.approx(evaluation.per_question["f1"], abs=1e-6)
    assert rows["odds.0"] == pytest.approx(evaluation.predictions.null_odds, abs=1e-3)
    assert (rows["said_start.0"] - 1).tolist() == evaluation.predictions.char_start.tolist()
    assert best["best_count.0"].tolist() == [1] * n
    bits = np.unpackbits(rows["slices"].astype(np.uint8).reshape(len(about["slices"]), -1), axis=1, bitorder="little")
    masks = [mask for groups in evaluation.masks.values() for mask in groups.values()]
    assert (bits[:, :n] == np.stack(masks)).all()
    assert [kind for kind, _ in about["kinds"]] == list(KINDS)


def test_gold_answers_are_places_with_how_often_they_were_given(tmp_path: Path, host: PluginHost) -> None:
    case = Case("When?", ("1843", "1843", "in 1843"), "1843", 1.0, 0.0)
    _, rows, _ = held(run_page(tmp_path / "p.html", host, (case,)))
    assert rows["gold_count"].tolist() == [2]
    assert rows["gold_times"].tolist() == [2, 1]
    begin = rows["gold_start"] - 1
    assert [MILL[b : b + n] for b, n in zip(begin, rows["gold_length"], strict=True)] == ["1843", "in 1843"]


def test_everything_from_the_data_is_escaped(tmp_path: Path, host: PluginHost) -> None:
    case = Case(HOSTILE, ("1843",), "1843", 1.0, 0.0, context=f"The {HOSTILE} was built in 1843")
    comparison = two_systems(host, (case, *CASES), (HOSTILE, f"{HOSTILE}2"))
    masks = {HOSTILE: {HOSTILE: np.ones(len(CASES) + 1, np.bool_)}}
    systems = [replace(s, evaluations=[replace(s.evaluation, masks=masks)]) for s in comparison.systems]
    path = comparison_page(tmp_path / "p.html", compare_systems(systems, draws=100))
    elements = Elements(path.read_text("utf-8"))
    assert len(elements.scripts) == 6
    assert not [tag for tag, about in elements.found if tag == "img" or "onerror" in about]
    data = [text for about, text in elements.scripts if "type" in about]
    assert data
    assert not any(set("<>&\u2028\u2029") & set(text) for text in data)
    about, rows, _ = held(path)
    shown = HOSTILE
    assert about["systems"][0]["name"] == shown
    assert rows["question"][0] == shown


def test_of_too_many_questions_those_that_are_wrong_are_kept(tmp_path: Path, host: PluginHost) -> None:
    about, rows, _ = held(run_page(tmp_path / "p.html", host, questions=5))
    evaluation = make_result(host).evaluation
    wrong = [
        name for name, exact in zip(evaluation.examples.id, evaluation.per_question["exact"], strict=True) if exact < 1
    ]
    assert about["total"] == len(CASES)
    assert rows["id"] == wrong
    kept = [mask[evaluation.per_question["exact"] < 1].sum() for g in evaluation.masks.values() for mask in g.values()]
    assert [number for _, _, number in about["slices"]] == kept


def test_page_of_predictions_without_odds_or_best_spans(tmp_path: Path, host: PluginHost) -> None:
    result = make_result(host, odds=False)
    write_page(tmp_path / "p.html", [System("x", [result.evaluation])], questions=100)
    text = " ".join(Elements((tmp_path / "p.html").read_text("utf-8")).texts)
    assert "Threshold sweep" not in text
    assert held(tmp_path / "p.html")[2]["best_count.0"].tolist() == [0] * len(CASES)


def test_comparison_holds_outcomes_and_their_ranks(tmp_path: Path, host: PluginHost) -> None:
    comparison = two_systems(host)
    _, rows, _ = held(comparison_page(tmp_path / "p.html", comparison))
    pair = comparison.pairs[0]
    for code, name in enumerate(("wins", "losses", "both_wrong"), 1):
        found = np.flatnonzero(rows["outcome.1"] == code)
        assert found[np.argsort(rows["rank.1"][found])].tolist() == getattr(pair, name).tolist()
    text = " ".join(Elements((tmp_path / "p.html").read_text("utf-8")).texts)
    assert pair.verdict in text
    assert "95 % by context" in text or "95 % by article" in text


def test_figures_of_further_metrics_join_the_table_of_systems(host: PluginHost) -> None:
    comparison = two_systems(host)
    systems = [
        replace(s, evaluations=[replace(s.evaluation, metrics={**s.evaluation.metrics, "chr_f": 0.5 + k})])
        for k, s in enumerate(comparison.systems)
    ]
    contrast = Contrast(replace(comparison, systems=systems))
    at = contrast.headers.index("chr_f")
    assert [line.cells[at] for line in contrast.lines()] == ["0.500", "1.500"]
    assert contrast.headers.index("F1") < at


def test_figures_of_further_metrics_stand_right_of_their_names(tmp_path: Path, host: PluginHost) -> None:
    result = make_result(host)
    more = {**result.metrics, "f1_macro": 12.5, "HasAns_f1_macro": 25.0}
    system = System("run", [replace(result.evaluation, metrics=more)])
    write_page(tmp_path / "p.html", [system], run=replace(result, evaluation=system.evaluations[0]), questions=9)
    text = " ".join((tmp_path / "p.html").read_text("utf-8").split())
    assert '<td class="left">f1_macro</td><td>12.500</td><td>25.000</td>' in text.replace("> <", "><")


def test_the_recipe_stands_as_it_was_ordered(tmp_path: Path, host: PluginHost) -> None:
    result = make_result(host)
    run = replace(result, manifest={**result.manifest, "recipe": {"seed": 13, "decoder": {"use": "min-null"}}})
    write_page(tmp_path / "p.html", [System("run", [result.evaluation])], run=run, questions=9)
    assert "seed: 13\ndecoder:\n  use: min-null\n" in (tmp_path / "p.html").read_text("utf-8")


def test_seeds_are_named_where_a_system_has_several(tmp_path: Path, host: PluginHost) -> None:
    result = make_result(host)
    for number in (1, 2):
        system = System("run", [result.evaluation] * number, seeds=[7, 8][:number])
        write_page(tmp_path / f"{number}.html", [system], questions=9)
        (described,) = held(tmp_path / f"{number}.html")[0]["systems"]
        assert described["seeds"] == ([] if number == 1 else ["7", "8"])


def test_page_of_squads_size_is_below_twelve_megabytes(tmp_path: Path, host: PluginHost) -> None:
    evaluations = [large_evaluation(host, seed) for seed in (1, 2)]
    systems = [
        System(name, [replace(e, examples=evaluations[0].examples)]) for name, e in zip("ab", evaluations, strict=True)
    ]
    path = comparison_page(tmp_path / "p.html", compare_systems(systems, draws=100))
    assert path.stat().st_size <= 12_000_000
    about, _, best = held(path)
    assert about["count"] == 11_873
    assert about["spans"] >= 20
    assert best["best_count.1"].tolist() == [20] * 11_873


def test_text_is_kept_in_the_cache_and_made_once(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> str:
        made.append(1)
        return "é"

    environ = {"QATK_CACHE": str(tmp_path)}
    assert [keep_text("t", make, environ) for _ in range(2)] == ["é", "é"]
    assert len(made) == 1
    assert keep_text("t", make, {"QATK_CACHE": "off"}) == "é"
    assert len(made) == 2
    kept = (tmp_path / "texts" / "t").read_bytes()
    for damaged in (b"\xff", b"", "é".encode(), kept[:-1], kept + b";alert(1)", b"0" + kept[1:]):
        (tmp_path / "texts" / "t").write_bytes(damaged)
        assert keep_text("t", make, environ) == "é"
        assert (tmp_path / "texts" / "t").read_bytes() == kept


def test_results_show_themselves_in_a_notebook(host: PluginHost) -> None:
    result = make_result(host)
    shown = Elements(result._repr_html_()).texts
    assert "arlen" in shown
    assert f"{result.metrics['f1']:.1f}" in " ".join(shown)
    assert "question-word: what" in shown or "question-word: when" in shown
    comparison = two_systems(host, names=("<b>bold", "careful"))
    elements = Elements(comparison._repr_html_())
    assert comparison.pairs[0].verdict in elements.texts
    assert sum(tag == "b" for tag, _ in elements.found) == len(comparison.pairs)


def test_results_print_as_a_few_lines(host: PluginHost) -> None:
    result, comparison = make_result(host), two_systems(host, names=("bold", "careful"))
    of = f"{result.metrics['total']} questions, exact {result.metrics['exact']:.2f}, f1 {result.metrics['f1']:.2f}"
    assert repr(result) == f"<RunResult: arlen, {of}>"
    assert repr(result.evaluation) == f"<Evaluation: {of}>"
    verdicts = "\n".join(comparison.verdicts)
    assert repr(comparison) == f"<Comparison: {len(comparison.examples)} questions\n{verdicts}>"


def test_epochs_are_drawn_and_told_with_their_intervals(host: PluginHost) -> None:
    result = make_result(host)
    (plain,) = learning_chart(result)
    bounds = {"exact_low": 31.25, "exact_high": 60.04, "f1_low": 34.5, "f1_high": 70.0}
    events = [replace(e, metrics={**e.metrics, **bounds}) if e.kind == "epoch" else e for e in result.events]
    (chart,) = learning_chart(replace(result, events=events))
    view = chart.views[0]
    assert view.headers == [*plain.views[0].headers, "95 %"]
    assert [(row[0], row[-1]) for row in view.rows] == [("F1", "34.5 to 70.0")] * 2 + [("EM", "31.2 to 60.0")] * 2
    drawn = view.spec["layer"][0]["data"]["values"]
    assert {(each["s"], each["low"], each["high"]) for each in drawn} == {("F1", 34.5, 70.0), ("EM", 31.25, 60.04)}
    assert len(plain.views[0].spec["layer"]) == len(view.spec["layer"]) - 1


def test_a_chart_of_one_line_has_no_legend(host: PluginHost) -> None:
    result = make_result(host)
    for kinds, legends in ((("step",), [True]), (("step", "epoch"), [False, False])):
        (chart,) = learning_chart(replace(result, events=[e for e in result.events if e.kind in kinds]))
        assert ['"legend": null' in json.dumps(view.spec) for view in chart.views] == legends


def test_the_kinds_of_each_system_are_counted_under_its_name(host: PluginHost) -> None:
    systems = two_systems(host, names=("bold", "careful")).systems
    (both,), (one,) = kinds_chart(systems).views, kinds_chart(systems[:1]).views
    assert both.headers == ["kind", "meaning", "A bold", "B careful"]
    assert one.headers == ["kind", "meaning", "questions"]
    for k, system in enumerate(systems):
        counts = np.bincount(error_kinds_of(system.evaluations[0]), minlength=len(KINDS))
        told = {row[0]: row[2 + k] for row in both.rows}
        assert told == {KINDS[i]: f"{counts[i]:,}" for i in range(len(KINDS)) if KINDS[i] in told}
        assert counts.sum() == sum(map(int, told.values()))


def test_a_view_of_slices_has_those_of_its_slicer(host: PluginHost) -> None:
    comparison = two_systems(host)
    (chart,) = slice_differences(comparison)
    clearest, *of_slicers = chart.views
    groups = [row[0] for row in clearest.rows]
    slicers = list(dict.fromkeys(group.partition(": ")[0] for group in groups))
    assert len(slicers) == 2
    assert len(groups) == len(comparison.pairs[0].slices) / 2, "one metric of two"
    for slicer, view in zip(slicers, of_slicers, strict=True):
        assert view.name == slicer.replace("-", " ")
        assert [row[0] for row in view.rows] == [group for group in groups if group.startswith(f"{slicer}: ")]


@pytest.mark.parametrize(
    ("costs", "gains", "best"),
    [
        ([3, 1, 2], [9, 5, 7], [1, 2, 0]),
        ([1, 2, 3], [5, 5, 6], [0, 2]),
        ([2, 2, 1], [7, 8, 8], [2]),
        ([1, 1], [5, 5], [0]),
        ([], [], []),
    ],
)
def test_the_frontier_is_what_no_other_beats_in_both(costs: list[float], gains: list[float], best: list[int]) -> None:
    assert frontier(costs, gains) == best
    beaten = {
        i
        for i, j in product(range(len(costs)), repeat=2)
        if (costs[j] <= costs[i] and gains[j] >= gains[i]) and (costs[j] < costs[i] or gains[j] > gains[i])
    }
    assert {(costs[i], gains[i]) for i in best} == {(costs[i], gains[i]) for i in range(len(costs)) if i not in beaten}


def test_f1_stands_against_each_cost_in_which_systems_differ(host: PluginHost) -> None:
    bold, careful = two_systems(host).systems
    small = replace(bold, facts={"examples_per_second": 250.0, "parameters": 22.5e6, "model_bytes": 9e7})
    large = replace(careful, facts={"seconds_per_1000": 80.0, "cost_per_1000": 0.5, "model_bytes": 9e7})
    slow = replace(bold, name="slow", facts={"examples_per_second": 4.0, "parameters": 30e6})
    (chart,) = costs_chart(compare_systems([small, large, slow], draws=50))
    assert [view.name for view in chart.views] == ["time", "parameters"]
    told = [(row[0], row[1], row[-1]) for row in chart.views[0].rows]
    assert told == [("A bold", "4.00", "yes"), ("B careful", "80.00", "yes"), ("C slow", "250.00", "no")]
    line, *_, letters = chart.views[0].spec["layer"]
    assert [point["x"] for point in line["data"]["values"]] == [4, 80]
    assert letters["encoding"]["x"]["scale"]["type"] == "log"
    assert [row[0] for row in chart.views[1].rows] == ["A bold", "C slow"]
    assert chart.views[1].spec["layer"][-1]["encoding"]["x"]["scale"]["zero"] is False
    assert not list(costs_chart(compare_systems([bold, careful], draws=50)))


def test_epochs_that_are_no_whole_numbers_have_an_axis_of_their_own() -> None:
    for epochs, axis in (([1.0, 2.0], {"values": [1.0, 2.0], "format": ",d"}), ([1.0, 1.5], None)):
        spec = curve([("F1", epochs, [40.0, 50.0])], "epoch", "F1")
        assert spec["encoding"]["x"].get("axis") == axis


def test_the_diagonal_is_where_both_are_the_same() -> None:
    assert [(end["x"], end["y"]) for end in diagonal()["data"]["values"]] == [(0, 0), (100, 100)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from small import write_recipe

    folder = tmp_path_factory.mktemp("run")
    qatk.run(write_recipe(folder, train=32, dev=12, epochs=1), out=folder / "out", console=Console(quiet=True))
    return folder / "out"


def test_every_run_writes_its_page_and_report_writes_it_again(finished: Path) -> None:
    page = finished / "report.html"
    before = held(page)[1]["id"]
    page.unlink()
    result = CliRunner().invoke(app, ["report", str(finished)])
    assert result.exit_code == 0, result.output
    assert "questions" in result.output
    assert held(page)[1]["id"] == before


def test_report_uses_the_reporters_of_the_recipe(finished: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(finished, tmp_path / "run")
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["recipe"]["reporters"] = [{"use": "html", "questions": 3}]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    (copy / "report.md").unlink()
    for options in ([], ["--reporter", "html"]):
        result = CliRunner().invoke(app, ["report", str(copy), *options])
        assert (result.exit_code, result.stdout) == (0, ""), result.output
        assert len(held(copy / "report.html")[1]["id"]) == 3
    assert not (copy / "report.md").exists()
    out = tmp_path / "made" / "here"
    assert qatk.report(str(finished), out=out, reporters=["html"]) == out
    assert [path.name for path in out.iterdir()] == ["report.html"]
    assert qatk.report(qatk.load_run(copy)) == copy
    assert CliRunner().invoke(app, ["report", str(copy), "--out", str(tmp_path / "again")]).exit_code == 0
    assert (tmp_path / "again" / "report.html").is_file()
    with pytest.raises(UsageError, match="reporters is 'html', where a list is due"):
        qatk.report(copy, reporters="html")
    result = CliRunner().invoke(app, ["report", str(copy), "--open", "--reporter", "markdown"])
    assert isinstance(result.exception, UsageError)


def test_open_hands_the_page_to_the_browser(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!{sys.executable}\nimport sys\nopen({str(seen)!r}, "w").write(sys.argv[1])\n')
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    done = call("qatk", "report", finished, "--out", tmp_path, "--open", BROWSER=f"{browser} %s")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert seen.read_text() == (tmp_path / "report.html").resolve().as_uri()


def test_report_writes_nothing_beside_a_run_at_a_url(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QATK_CACHE", str(tmp_path))
    url, copy = f"file://{finished}", here(f"file://{finished}")
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    shown = CliRunner().invoke(app, ["report", url])
    assert (shown.exit_code, str(copy) in shown.stdout) == (0, False), shown.output
    assert "questions" in shown.stdout
    assert shown.stdout.endswith("no files were written: --out FOLDER takes them\n")
    refused = CliRunner().invoke(app, ["report", url, "--open", "--cluster", "context"]).exception
    assert str(refused) == f"{url}: a run at a URL is only read\n  name a folder for the page with --out"
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda uri: opened.append(uri) or True)
    assert CliRunner().invoke(app, ["report", url, "--open"]).exit_code == 0
    assert opened == [(copy / "report.html").as_uri()], "the page that the run wrote"
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def test_report_refuses_what_is_no_run_and_no_folder(finished: Path, tmp_path: Path) -> None:
    assert isinstance(CliRunner().invoke(app, ["report", str(tmp_path)]).exception, RunFolderError)
    (tmp_path / "file").touch()
    result = CliRunner().invoke(app, ["report", str(finished), "--out", str(tmp_path / "file")])
    assert isinstance(result.exception, UsageError)


def test_compare_writes_the_page(tmp_path: Path) -> None:
    root = ROOT / "examples" / "compare"
    files = [str(root / name) for name in ("bold.json", "careful.json")]
    options = ["--data", str(root / "dev.json"), "--draws", "1000", "--html", str(tmp_path / "c.html")]
    result = CliRunner().invoke(app, ["compare", *files, *options])
    assert result.exit_code == 0, result.output
    about, rows, _ = held(tmp_path / "c.html")
    assert [system["name"] for system in about["systems"]] == ["bold", "careful"]
    assert len(rows["id"]) == len(json.loads((root / "bold.json").read_text()))
