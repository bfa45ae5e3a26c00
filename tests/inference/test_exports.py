"""``qatk export`` and runtimes: exported models answer as the run does, and say what is wrong with them."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

import qatk
from commands import forked_python
from model_tools import save_model
from page_tools import find_chromium, launched
from qatk.cli import app
from qatk.cli.bench import _tables
from qatk.comparison.systems import read_systems
from qatk.errors import DataError, ModelError, PluginError, QatkError, QatkWarning, RecipeError, UsageError
from qatk.evaluation.evaluate import read_data
from qatk.exports.runtimes import exporter_of, runtime_section
from qatk.files import folder_size
from qatk.hub.push import package
from qatk.inference.bench import Job, Measured, _measure
from qatk.inference.bench_page import bench_html
from qatk.inference.exporting import export
from qatk.inference.samples import sample_examples, sample_for
from qatk.inference.sources import backbone_section
from qatk.plugins.host import PluginHost
from qatk.results import System
from qatk.run_folder.provenance import processor
from qatk.server.served import described
from qatk.types import Examples
from serving import PROMISE, send, start
from small import write_recipe


@pytest.fixture(scope="module")
def exported(run: Path) -> tuple[Path, dict[str, Any]]:
    """The run as an exported model, and what the command said."""
    folder = run.parent / "exported"
    data = ["--data", str(run.parent / "dev.json")]
    done = CliRunner().invoke(app, ["export", str(run), "--to", "onnx", "--out", str(folder), *data, "--json"])
    assert done.exit_code == 0, done.output
    return folder, json.loads(done.stdout)


def test_an_export_answers_as_the_run_did(run: Path, exported: tuple[Path, dict[str, Any]]) -> None:
    folder, said = exported
    examples = read_data(run.parent / "dev.json")
    found = qatk.load_model(folder).predict(examples)
    assert dict(zip(examples.id, found.text, strict=True)) == json.loads((run / "predictions.json").read_text())
    odds = json.loads((run / "null_odds.json").read_text())
    assert found.null_odds.tolist() == pytest.approx(list(odds.values()), abs=1e-4)
    checks = json.loads((folder / "export.json").read_text())["checks"]
    assert checks == said["checks"]
    assert checks["questions"] == checks["same_answers"] == len(examples)
    assert 0 < checks["largest_difference"] < 1e-4
    metrics = json.loads((run / "metrics.json").read_text())
    assert checks["f1"] == {"before": metrics["f1"], "after": metrics["f1"]}
    assert all(rate > 0 for rate in checks["questions_per_second"].values())


def test_an_export_needs_no_torch(exported: tuple[Path, dict[str, Any]]) -> None:
    code = f"import sys, qatk\nqatk.load_model({str(exported[0])!r}).answer('Who?', 'Ann did.')\n"
    code += "print(sorted({'torch', 'onnx', 'onnxscript'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_an_export_is_not_published(run: Path, exported: tuple[Path, dict[str, Any]]) -> None:
    with pytest.raises(ModelError, match=rf"publish the model that it was exported from, {run}"):
        package(exported[0], "someone/mill")


def test_an_export_of_a_published_run_keeps_what_the_run_fitted(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published, fitted = tmp_path / "qatk_test_published", {"decoder": "other", "whole": {}, "halves": []}
    for name, content in package(run, "someone/mill").files.items():
        (published / name).parent.mkdir(parents=True, exist_ok=True)
        (published / name).write_bytes(content.encode() if isinstance(content, str) else content.read_bytes())
    (published / "__init__.py").touch()
    (published / "decoder.json").write_text(json.dumps(fitted))
    (published / "qatk" / "calibration.json").write_text(json.dumps({"promise": PROMISE}))
    monkeypatch.syspath_prepend(tmp_path)
    for number, model in enumerate((published, "package:qatk_test_published")):
        out = export(model, "onnx", tmp_path / str(number)).folder
        promise = qatk.load_model(out).promise
        assert promise is not None
        assert promise == qatk.load_model(model).promise
        assert json.loads((out / "decoder.json").read_text()) == fitted


def test_an_export_answers_by_the_threshold_that_is_asked_for(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, folder := tmp_path / "run")
    (folder / "calibration.json").write_text(json.dumps({"threshold": -0.125, "promise": PROMISE}))
    own = str(qatk.load_model(run).parts.decoder.option("null_threshold", 0.0))
    for number, (given, threshold) in enumerate((("calibrated", -0.125), (own, None), ("-0.25", None))):
        words = ["export", str(folder), "--to", "onnx", "--out", str(out := tmp_path / str(number))]
        done = CliRunner().invoke(app, [*words, "--null-threshold", given])
        assert done.exit_code == 0, done.output
        model = qatk.load_model(out)
        assert (model.threshold, model.promise) == (threshold, None)
    assert model.parts.decoder.option("null_threshold", 0.0) == -0.25
    (out / "calibration.json").unlink()
    with pytest.raises(QatkError, match="calibrate its run, and export that again"):
        model.changed(decoder={"null_threshold": "calibrated"})


def test_an_export_in_another_precision_promises_no_error_rate(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, folder := tmp_path / "run")
    (folder / "calibration.json").write_text(json.dumps({"threshold": -0.125, "promise": PROMISE}))
    said = (
        r'the promise "at most .* wrong" does not hold in int8: it was calibrated in (fp32|bf16); its null threshold is'
    )
    with pytest.warns(QatkWarning, match=said):
        out = export(folder, "onnx", tmp_path / "out", precision="int8").folder
    assert json.loads((out / "calibration.json").read_text()) == {"threshold": -0.125}
    assert qatk.load_model(out).threshold is None


def test_a_run_at_a_url_is_measured_and_asked(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QATK_CACHE", str(tmp_path / "cache"))
    url, asked = run.absolute().as_uri(), {"question": "When was it built?", "context": "It was built in 1843."}
    monkeypatch.setattr(sys, "executable", forked_python())
    (measured,) = qatk.bench(url, batch_sizes=[1], seconds=0.1)
    assert measured.as_dict() == {name: value for name, value in vars(measured).items() if name not in ("exact", "f1")}
    assert (measured.model, measured.model_bytes > 0) == (url, True)
    assert qatk.pipeline(model=url)(**asked) == qatk.pipeline(model=run)(**asked)
    assert qatk.pipeline(model=url).model.sections["trainer"] == qatk.load_model(run).sections["trainer"]


def test_an_export_of_a_url_is_compared_in_the_language_of_its_run(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QATK_CACHE", str(tmp_path / "cache"))
    shutil.copytree(run, german := tmp_path / "german")
    content = json.loads((german / "manifest.json").read_text())
    content["recipe"]["metrics"] = [{"use": "squad", "language_column": "lang"}]
    (german / "manifest.json").write_text(json.dumps(content))
    data, said = json.loads((run.parent / "dev.json").read_text()), json.loads((run / "predictions.json").read_text())
    for qa in [qa for paragraph in data["data"][0]["paragraphs"] for qa in paragraph["qas"]]:
        text = said[qa["id"]]
        qa |= {"lang": "de", "answers": [{"text": f"die {text}", "answer_start": 0}] if text else []}
        qa["is_impossible"] = not text
    (tmp_path / "data.json").write_text(json.dumps(data))
    how = {"data": tmp_path / "data.json", "answering": ["decoder.n_best_size=7"]}
    exported = qatk.export(german.as_uri(), "onnx", tmp_path / "out", **how)
    assert qatk.load_model(exported.folder).sections["decoder"]["n_best_size"] == 7
    assert json.loads((exported.folder / "export.json").read_text())["model"] == german.as_uri()
    assert (exported.checks["language"], exported.checks["exact"]) == ("de", {"before": 100, "after": 100})
    words = ["bench", str(exported.folder), "--batch-size", "1", "--seconds", "0.1", "--json"]
    done = CliRunner().invoke(app, [*words, "--data", str(tmp_path / "data.json"), "--set", "bad_answers=keep"])
    assert json.loads(done.stdout)[0]["exact"] == 100
    named = qatk.export(qatk.load_run(german), "onnx", tmp_path / "named")
    assert json.loads((named.folder / "export.json").read_text())["model"] == str(german)
    monkeypatch.setattr("qatk.inference.exporting.export_files", None)  # which takes long
    without = run.parent / "dev.json"
    with pytest.raises(DataError, match=r"(?s)'lang'.* name data that have it: the model's run compared answers by"):
        qatk.bench(german, data=without)
    for data in (without, read_data(without)):
        with pytest.raises((DataError, UsageError), match="lang"):
            qatk.export(german, "onnx", tmp_path / "refused", data=data)


def test_an_export_serves_and_is_compared(run: Path, exported: tuple[Path, dict[str, Any]]) -> None:
    model = qatk.load_model(exported[0])
    twin, reply = model.twin(), model.answer("When was it built?", "It was built in 1843.", top_k=30)
    assert twin.answer("When was it built?", "It was built in 1843.", top_k=30) == reply
    about = described("mill", model)
    assert (about["precision"], about["device"]) == ("fp32", "cpu")
    assert about["components"]["runtime"] == "onnx"  # type: ignore[index]
    three = read_systems(
        [run, run, exported[0]], data=run.parent / "dev.json", runtimes=["torch", "onnx:int8", "onnx:fp32"]
    )
    one, _, whole = (system.evaluations[0] for system in three)
    assert one.predictions.text == whole.predictions.text
    sizes = [system.facts["model_bytes"] for system in three]
    assert sizes[0] == folder_size(run / "model")
    assert sizes[1] != sizes[0]
    assert sizes[1] < (exported[0] / "model.onnx").stat().st_size
    assert sizes[2] == folder_size(exported[0])
    with pytest.raises(UsageError, match="3 runtimes for 2 systems"):
        read_systems([run, run], data=run.parent / "dev.json", runtimes=["torch", "onnx", "onnx"])


def test_the_precision_of_the_trainers_own_runtime_is_the_trainers(run: Path) -> None:
    exact = qatk.load_model(run, runtime="torch:bf16")
    assert exact.described["precision"] == "bf16"
    assert exact.sections["runtime"] == {"use": "torch"}


def test_the_runtime_of_a_recipe_predicts(run: Path, tmp_path: Path) -> None:
    settings = ["data.train=null", f"backbone={{use: hf, model: {run}/model}}", "runtime.use=onnx"]
    settings += ["decoder.null_threshold=0.33"]  # of the run
    result = qatk.run(write_recipe(tmp_path), out=tmp_path / "run", settings=settings, limit=12)
    assert result.manifest["recipe"]["runtime"] == {
        "use": "onnx",
        "precision": "fp32",
        "threads": None,
        "batch_tokens": 2048,
    }
    stage, facts = result.manifest["stages"]["predict"], System.of_run(result).facts
    assert 0 < stage["counts"]["prediction_seconds"] < stage["seconds"]
    assert facts["examples_per_second"] == 12 / stage["counts"]["prediction_seconds"]
    assert facts["model_bytes"] == stage["counts"]["exported_bytes"] > 0
    given = json.loads((run / "predictions.json").read_text())
    assert dict(zip(result.evaluation.examples.id, result.evaluation.predictions.text, strict=True)).items() <= (
        given.items()
    )


def _cut(folder: Path) -> None:
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:9999])


def _vouch(folder: Path) -> None:
    """A file that is no graph, with its digest in the manifest."""
    from qatk.files import file_digest

    (folder / "model.onnx").write_bytes(b"no graph")
    content = json.loads((folder / "export.json").read_text())
    content["files"]["model.onnx"] = file_digest(folder / "model.onnx")
    (folder / "export.json").write_text(json.dumps(content))


def _renumber(folder: Path) -> None:
    content = json.loads((folder / "export.json").read_text())
    (folder / "export.json").write_text(json.dumps({**content, "format": 9, "qatk": "7.0"}))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_cut, "model.onnx is damaged, or of another export: it is not the file that export.json was written with"),
        (_vouch, "the file is damaged, or not qatk's: "),
        (_renumber, r"it was exported by another version of qatk \(form 9; this one reads 1\)"),
        (lambda folder: (folder / "model.onnx").unlink(), "the exported model lacks model.onnx"),
        (lambda folder: (folder / "export.json").unlink(), "model.onnx is not of an export by qatk, or export.json"),
        (lambda folder: (folder / "export.json").write_text("{"), "the export cannot be read"),
        (lambda folder: (folder / "export.json").write_text('{"format": 1}'), "it is not the manifest of an export"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "the tokenizer cannot be loaded"),
    ],
)
def test_damage_is_told(
    harm: Callable[[Path], Any], message: str, exported: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    shutil.copytree(exported[0], tmp_path / "copy")
    harm(tmp_path / "copy")
    with pytest.raises(ModelError, match=message) as caught:
        qatk.load_model(tmp_path / "copy")
    assert "\n  " in str(caught.value)  # what to do about it
    assert str(tmp_path / "copy") in str(caught.value)


def test_one_document_is_asked_about_with_another_runtime(run: Path) -> None:
    words = ["-q", "When was it built?", "-c", "The mill is old. It was built in 1843.", "--json"]
    replies = []
    for runtime in ([], ["--runtime", "openvino"]):
        done = CliRunner().invoke(app, ["ask", str(run), *words, *runtime])
        assert done.exit_code == 0, done.output
        replies.append(json.loads(done.stdout))
    own, other = replies
    assert other["answer"] == own["answer"]
    assert other["null_odds"] == pytest.approx(own["null_odds"], abs=1e-3)


def test_the_pipeline_takes_exports_and_runtimes(run: Path, exported: tuple[Path, dict[str, Any]]) -> None:
    asked = {"question": "When was it built?", "context": "The mill is old. It was built in 1843."}
    own = qatk.pipeline(model=str(run))(**asked)
    for words in ({}, {"runtime": "onnx"}):
        found = qatk.pipeline(model=str(exported[0]), device=-1, **words)(**asked)
        assert found == {**own, "score": pytest.approx(own["score"], abs=1e-4)}
    with pytest.raises(UsageError, match=r"(?s)dtype='bfloat16': the precision of an exported model is fixed"):
        qatk.pipeline(model=str(exported[0]), dtype="bfloat16")
    with pytest.raises(UsageError, match="no runtime is called 'tensorrt'"):
        qatk.pipeline(model=str(run), runtime="tensorrt")


def test_an_export_is_served_by_its_runtime(exported: tuple[Path, dict[str, Any]]) -> None:
    folder = exported[0]
    server = start(folder, "--runtime", "onnx", "--workers", 1).wait()
    try:
        asked = {"question": "When was it built?", "context": "The mill is old. It was built in 1843."}
        found = send(server.url, body=asked).json
        (about,) = send(server.url, "/models").json["models"]
    finally:
        code, _ = server.end()
    assert code == 0
    assert about["components"]["runtime"] == "onnx"
    due = qatk.load_model(folder).answer(**asked)
    reply = found["answers"][0] if "answers" in found else found
    assert reply["answer"] == due.text
    assert reply["null_odds"] == pytest.approx(due.null_odds, abs=1e-4)


def test_misuse_is_told(run: Path, exported: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder = exported[0]
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: qatk.load_model(run, runtime="onx"), "no runtime is called 'onx'\n  did you mean 'onnx'"),
        (lambda: qatk.load_model(run, runtime="onnx:int4"), "int4"),
        (lambda: qatk.load_model(run, runtime="onnx:"), "'onnx:' is no runtime"),
        (lambda: qatk.load_model(folder, runtime="onnx:int8"), "is exported for onnx:fp32, not for onnx:int8"),
        (lambda: qatk.load_model(folder, runtime="torch"), "is exported for onnx:fp32, not for torch"),
        (lambda: qatk.load_model(folder, device="cuda"), "exported for the CPU"),
        (lambda: export(folder, "onnx", tmp_path / "new"), "is exported already"),
        (lambda: export(run, "onnx", folder), "is there already"),
        (lambda: export(run, "tflite", tmp_path / "new"), "no exporter is called 'tflite'"),
        (lambda: export(run, "onnx", tmp_path / "new", precision="int4"), "int4"),
    ]
    for misuse, message in cases:
        with pytest.raises(QatkError) as caught:
            misuse()
        assert message in str(caught.value)
    assert not (tmp_path / "new").exists()
    assert qatk.load_model(folder, runtime="onnx").name == str(folder)
    assert runtime_section("onnx:int8") == {"use": "onnx", "precision": "int8"}
    assert backbone_section("some/model")["model"] == "some/model"


def test_a_missing_extra_is_named(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(PluginError, match=r"needs onnxruntime\n  pip install 'qatk\[onnx\]'"):
        qatk.load_model(run, runtime="onnx")
    with pytest.raises(RecipeError, match=r"pip install 'qatk\[onnx\]'"):  # before it trains
        qatk.run(write_recipe(tmp_path), out=tmp_path / "run", settings=["runtime.use=onnx"])
    assert not (tmp_path / "run").exists()


def test_bench_measures_each_runtime_in_a_process(
    exported: tuple[Path, dict[str, Any]], run: Path, tmp_path: Path
) -> None:
    words = [
        "bench",
        str(exported[0]),
        "--batch-size",
        "1,4",
        "--seconds",
        "0.1",
        "--data",
        str(run.parent / "dev.json"),
    ]
    done = CliRunner().invoke(app, [*words, "--json", "--html", str(tmp_path / "bench.html")])
    assert done.exit_code == 0, done.output
    one, four = json.loads(done.stdout)
    assert (one["batch_size"], four["batch_size"]) == (1, 4)
    assert (one["runtime"], one["precision"], one["model"]) == ("onnx", "fp32", str(exported[0]))
    assert one["f1"] == four["f1"] == json.loads((run / "metrics.json").read_text())["f1"]
    page = (tmp_path / "bench.html").read_text()
    for row in (one, four):
        assert f"{row['questions_per_second']:,.1f}" in page
        assert 0 < row["p50_ms"] <= row["p99_ms"]
        assert row["questions_per_second"] * row["p50_ms"] / 1000 == pytest.approx(row["batch_size"], rel=0.9)
        assert 30e6 < row["memory_bytes"] < 2e9
        assert row["model_bytes"] == folder_size(exported[0])


def test_static_int8_is_of_the_data_or_says_that_it_is_not(
    run: Path, exported: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, given = PluginHost.discover(), list[int]()
    for section in ({"use": "openvino"}, {"use": "onnx", "quantization": "static"}):
        assert len(sample_for(exporter_of(section, host))) == len(sample_examples())
        with pytest.warns(QatkWarning, match=f"{section['use']} finds the ranges of int8 on a few built-in questions"):
            sample_for(exporter_of({**section, "precision": "int8"}, host))
    sample_for(exporter_of({"use": "onnx", "precision": "int8"}, host))
    with pytest.warns(QatkWarning, match="built-in questions in English"):
        qatk.load_model(run, runtime="openvino:int8")

    def noting(model: str, to: str, folder: Path, *, data: Examples, **options: object) -> None:
        given.append(len(data))
        shutil.copytree(exported[0], folder)

    monkeypatch.setattr("qatk.inference.bench.export", noting)
    monkeypatch.setattr("qatk.inference.bench.SAMPLE", 10)
    data = read_data(run.parent / "dev.json")
    qatk.bench(run, runtimes=["openvino:int8"], batch_sizes=[1], data=data, seconds=0.1)
    assert given == [10]


def test_what_bench_cannot_measure_is_told(exported: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    for words, message in (
        (["--batch-size", "1,x"], "'1,x' is no list of numbers"),
        (["--batch-size", "0"], "a batch has 1 question or more"),
        (["--runtime", "tensorrt"], "no runtime is called 'tensorrt'"),
        (["--html", str(tmp_path / "gone" / "x.html")], f"there is no folder {tmp_path / 'gone'}"),
    ):
        done = CliRunner().invoke(app, ["bench", str(exported[0]), *words])
        assert isinstance(done.exception, UsageError)
        assert message in str(done.exception)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"batch_sizes": 8}, "batch_sizes is 8, where a list is due"),
        ({"batch_sizes": [0]}, "batch_sizes is 0"),
        ({"batch_sizes": []}, "batch_sizes=: a batch has 1 question or more"),
        ({"runtimes": "onnx"}, "runtimes is 'onnx', where a list is due"),
        ({"seconds": 0}, "seconds=: 0 is no time"),
        ({"device": "cuda", "data": sample_examples()}, "device='cuda': exported for the CPU"),
    ]
    for given, message in wrong:
        with pytest.raises(UsageError, match=re.escape(message)):
            qatk.bench(exported[0], **given)
    with pytest.raises(UsageError, match="there is no model to measure"):
        qatk.bench()


def test_a_module_in_the_working_folder_stands_in_for_no_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numpy.py").write_text("raise SystemExit('a stranger')\n")
    with pytest.raises(QatkError, match=r"the process that measures x failed: FileNotFoundError: .*'gone'"):
        _measure(Job("x", None, None, 1, 1.0, "gone", False, [], [], False))


def test_bench_shows_what_it_measured_before_a_failure(exported: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    words = ["bench", str(exported[0]), str(tmp_path), "--batch-size", "1", "--seconds", "0.1", "--json"]
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, UsageError)
    assert f"{tmp_path} is not a model" in str(done.exception)
    (row,) = json.loads(done.stdout)
    assert row["model"] == str(exported[0])


MEASURED = [
    Measured("runs/small", "torch", "bf16", 1, 12345.6, 81.25, 1100.5, 10**9, 10**8, 0.1, 9, 50.0, 60.25),
    Measured("runs/small", "onnx", "int8", 32, 6172.8, 40.0, 50.0, 5 * 10**8, 3 * 10**7, 0.1, 9, 49.0, 59.0),
]
OTHER = replace(MEASURED[0], model="runs/large<b>", exact=None, f1=None)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("measured", [MEASURED, [*MEASURED, replace(OTHER, exact=1.0, f1=2.0)], [OTHER]])
def test_the_table_of_a_bench_fits_into_a_terminal(measured: list[Measured], width: int) -> None:
    screen = io.StringIO()
    console = Console(file=screen, width=width)
    for table in _tables(measured, width):
        console.print(table)
    shown = screen.getvalue()
    assert max(map(len, shown.splitlines())) <= width
    assert "…" not in shown
    for row in measured:
        figures = [f"{row.questions_per_second:,.1f}", f"{row.p99_ms:,.1f}", f"{row.memory_bytes / 1e6:,.0f}"]
        for cell in [*figures, *([] if row.f1 is None else [f"{row.f1:.2f}"])]:
            assert cell in shown
    assert ("small" in shown) == (measured[0] is MEASURED[0])


def test_the_page_of_a_bench_has_a_bar_for_each_figure() -> None:
    page = bench_html([*MEASURED, OTHER], ["small", "small", "large<b>"])
    assert escape(processor()) in page
    charts = re.findall(r"<figure>.*?</figure>", page, re.S)
    assert [re.findall(r'rect width="([\d.]+)"', chart) for chart in charts] == [
        ["100.0", "50.0", "100.0"],
        ["100.0", "49.2", "100.0"],
        ["100.0", "4.5", "100.0"],
        ["100.0", "50.0", "100.0"],
        ["100.0", "30.0", "100.0"],
        ["100.0", "97.9"],
    ]
    assert "small, onnx int8, batch\u00a032" in charts[0]
    more = bench_html([*MEASURED, replace(MEASURED[1], batch_size=1)], ["small"] * 3)
    assert [chart.count("<rect") for chart in re.findall(r"<figure>.*?</figure>", more, re.S)] == [3, 3, 3, 3, 2, 2]
    assert "12,345.6" in charts[0]
    assert "<b>" not in page
    assert "<script" not in page
    assert escape(processor()) in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.skipif(find_chromium() is None, reason="no Chromium was found: install one, or name it in QATK_CHROMIUM")
def test_the_page_of_a_bench_fits_a_phone(tmp_path: Path) -> None:
    (tmp_path / "bench.html").write_text(bench_html([*MEASURED, OTHER], ["runs/quickstart"] * 2 + ["large"]))
    for browser in launched():
        page = browser.new_page(viewport={"width": 360, "height": 740})
        page.goto((tmp_path / "bench.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        right = "(all) => all.map((each) => each.getBoundingClientRect().right)"
        bars, figures = (page.eval_on_selector_all(name, right) for name in (".bars", "figure"))
        assert [bar < figure for bar, figure in zip(bars, figures, strict=True)] == [True] * 6
        page.close()


@pytest.mark.parametrize(("form", "positions", "most"), [("bert", 50, 50), ("roberta", 60, 58)])
def test_windows_are_padded_to_no_more_than_a_model_takes(form: str, positions: int, most: int, tmp_path: Path) -> None:
    model = save_model(tmp_path / "model", form, answers=True, max_position_embeddings=positions)
    asked = [{"question": "Who was born?", "context": f"{'Ada was born in London. ' * 12}{k}"} for k in range(2)]
    made = qatk.export(model, "onnx", tmp_path / "made", data=qatk.Examples.from_rows(asked))
    assert qatk.load_model(made.folder).spec.max_length == most
    assert made.checks["same_answers"] == made.checks["questions"] == 2
