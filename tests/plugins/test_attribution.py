"""Plugins that misbehave: the message names who it was, other commands work, and a run goes on after the mend."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

import qatk
from commands import call, pretend_to_install
from make_result import make_result
from qatk.errors import QatkWarning, RecipeError, UsageError
from qatk.plugins.attribution import explain
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveReporter
from qatk.runs.trackers import Trackers
from small import write_recipe

PLUGIN = """
import numpy as np, torch
from dataclasses import replace
from qatk.api import Component, Examples, Features, NBest, Predictions, SpanScores, hookimpl
from qatk_builtin.decoders import MinNullOptions
from qatk_builtin.featurizers import StrideOptions
from qatk_builtin.decoders.min_null import MinNullDecoder
from qatk_builtin.heads.linear import LinearHead, LinearSpans
from qatk_builtin.heads import LinearOptions
from qatk_builtin.featurizers.stride import StrideFeaturizer
from qatk_builtin.metrics.squad import SquadMetric
from qatk_builtin.slicers.questions import QuestionWord
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer
from qatk_builtin.backbones import TinyOptions
from qatk_builtin.backbones.tiny import TinyBackbone
from qatk.api import LanguageOptions, NoOptions

print("words from the module")
{body}
@hookimpl
def qatk_{kind}s():
    print("words from the hook")
    return [Component("bad", Bad, {options}, "misbehaves")]
"""
"""A plugin whose ``Bad`` is a built-in with one method spoilt."""

HEAD = """
class Module(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(32, 2)
    def forward(self, states, batch):
        raise ArithmeticError("no sum")
    def loss(self, output, batch):
        return 0
class Bad(LinearHead):
    def build(self, spec): return Module()
"""
WRONG_HEAD = """
class Module(LinearSpans):
    def forward(self, states, batch):
        right = super().forward(states, batch)
        return {forward}
    def loss(self, output, batch):
        right = super().loss(output, batch)
        return {loss}
class Bad(LinearHead):
    def build(self, spec): return Module(spec.hidden_size, self.options)
"""
"""A head of which one method gives something else than ``right``."""
BASES = {
    "decoder": ("MinNullDecoder", "MinNullOptions", "decode"),
    "featurizer": ("StrideFeaturizer", "StrideOptions", "featurize"),
    "trainer": ("TorchTrainer", "TorchOptions", "predict"),
    "metric": ("SquadMetric", "LanguageOptions", "score"),
    "slicer": ("QuestionWord", "LanguageOptions", "masks"),
    "backbone": ("TinyBackbone", "TinyOptions", "spec"),
    "head": ("", "LinearOptions", ""),
}
"""By kind the built-in that is spoilt, its options, and the method."""
OTHERS = "Features(**{**vars(right), 'example_index': right.example_index + np.int32(9999)})"
CASES = (
    ("decoder", 'raise KeyError("lost")', "decoding: KeyError: 'lost'"),
    ("decoder", "return None", "None, expected Predictions"),
    ("decoder", "return right.take(np.array([0]))", "1 prediction for 8 examples"),
    ("decoder", "raise SystemExit(0)", "it asked the whole process to end"),
    ("featurizer", 'raise ValueError("odd")', "featurizing of train: ValueError: odd"),
    ("featurizer", "return []", "type list, expected Features"),
    ("featurizer", f"return {OTHERS}", "windows of examples up to"),
    ("trainer", "return None", "None, expected SpanScores"),
    ("trainer", "return SpanScores(*[np.zeros(1, np.float32)] * 3)", "scores for 1 window"),
    ("trainer", "return SpanScores(*[np.zeros(1)] * 3)", "SpanScores.null must be a flat float32 array"),
    ("metric", "return None", "None, expected Mapping"),
    ("metric", "return {'x': np.zeros(3)}", "'x' should be float64[8], not float64[3]"),
    ("metric", "return {'x': np.zeros(8, int)}", "'x' should be float64[8], not int64[8]"),
    (
        "trainer",
        "return SpanScores(right.null * np.float32('nan'), right.start, right.end)",
        "scores.null is NaN in row 0",
    ),
    ("slicer", "return {3: np.zeros(8, bool)}", "3 is no name"),
    ("slicer", 'raise LookupError("no word")', "slicing: LookupError: no word"),
    ("slicer", "return {'x': np.zeros(8)}", "'x' should be bool[8], not float64[8]"),
    ("backbone", "return 5", "type int, expected BackboneSpec"),
    ("head", HEAD, "training: ArithmeticError: no sum"),
    *(
        ("head", WRONG_HEAD.format(forward=forward, loss=loss), said)
        for forward, loss, said in (
            (
                "(right.start, right.end)",
                "right",
                "forward returned a tuple, expected SpanLogits, PairLogits or TokenLog",
            ),
            ("replace(right, end=right.end[:, 1:])", "right", "forward returned end of the shape [8, "),
            (
                "replace(right, null=right.null[:, None])",
                "right",
                "forward returned null of the shape [8, 1], expected [8]",
            ),
            ("right", "right[None]", "loss returned a tensor of the shape [1], expected a tensor without dimensions"),
            ("right", "right.item()", "loss returned a float, expected a tensor without dimensions"),
            ("right", "right.detach()", "loss returned a tensor that is detached from the weights"),
        )
    ),
)
"""Kind, what its method does (``right`` is what it should give), and what the message says."""


def plugin(folder: Path, kind: str, body: str) -> Path:
    base, options, method = BASES[kind]
    code = body
    if method:
        right = f"right = super().{method}(*a, **k)\n        " if "right" in body else ""
        code = f"class Bad({base}):\n    def {method}(self, *a, **k):\n        {right}{body}\n"
    file = folder / "misbehaving.py"
    file.write_text(PLUGIN.format(kind=kind, body=code, options=options))
    return file


def setting(kind: str) -> str:
    many = kind in ("metric", "slicer", "tracker", "reporter")
    return f"{kind}s=[{{use: bad}}]" if many else f"{kind}.use=bad"


@pytest.mark.parametrize(("kind", "body", "said"), CASES, ids=[said for *_, said in CASES])
def test_the_failure_names_component_plugin_and_stage(kind: str, body: str, said: str, tmp_path: Path) -> None:
    file = plugin(tmp_path, kind, body)
    recipe = write_recipe(tmp_path, train=16, dev=8, max_steps=2)
    host = PluginHost.discover(files=[str(file)], environ={})
    settings = [setting(kind), *(["keep_best=null"] if kind == "metric" else [])]
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of every kind
        qatk.run(recipe, out=tmp_path / "run", settings=settings, host=host)
    told = explain(caught.value)
    assert told is not None, repr(caught.value)
    assert f"{kind} 'bad' of plugin misbehaving (file {file}) failed during " in told
    assert said in told
    assert told.startswith(f"{file}:")
    if "raise" in body:
        assert told.removeprefix(f"{file}:")[0].isdigit(), "the line that raised"


def command(
    *words: str, plugin: Path | None = None, paths: Sequence[Path] = (), **environ: str
) -> subprocess.CompletedProcess[str]:
    return call("qatk", *(["--plugin", plugin] if plugin else []), *words, paths=paths, **environ)


def test_a_run_goes_on_after_the_mend(tmp_path: Path) -> None:
    """A decoder that raises at the end of the first epoch; the mended run ends as one that never failed."""
    recipe = write_recipe(tmp_path, train=32, dev=12, epochs=2)
    calls = (
        "Bad.calls = getattr(Bad, 'calls', 0) + 1\n        if Bad.calls > 2: raise OSError('the disk sulks')\n        "
    )
    right = "return right"
    run = ["run", str(recipe), "--set", "decoder.use=bad", "--json"]
    file = plugin(tmp_path, "decoder", calls + right)
    failed = command(*run, "--out", str(tmp_path / "run"), plugin=file)
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "error: " in failed.stderr
    assert "decoder 'bad' of plugin misbehaving" in failed.stderr
    assert "OSError: the disk sulks" in failed.stderr
    assert f"{file}:" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert "--resume" in failed.stderr
    plugin(tmp_path, "decoder", right)
    mended = command(*run, "--out", str(tmp_path / "run"), "--resume", plugin=file)
    assert mended.returncode == 0, mended.stderr
    assert "its source changed since" in mended.stderr
    whole = command(*run, "--out", str(tmp_path / "whole"), plugin=file)
    assert json.loads(mended.stdout) == json.loads(whole.stdout), "what plugins print spoils no JSON"
    for name in ("predictions.json", "null_odds.json", "metrics.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("def broken(:", "invalid syntax"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("1 / 0", "division by zero"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_named_and_left_out(code: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "qatk_broken.py").write_text(code)
    (tmp_path / "qatk-broken").mkdir()
    pretend_to_install(tmp_path / "qatk-broken", tmp_path)
    recipe = write_recipe(tmp_path, train=16, dev=8, max_steps=2)
    listed = command("plugins", "list", paths=[tmp_path])
    assert listed.returncode == 0
    assert "min-null" in listed.stdout
    assert "broken" in listed.stdout + listed.stderr
    checked = command("recipe", "check", str(recipe), paths=[tmp_path])
    assert checked.returncode == 0, "it is no concern of this recipe"
    wanted = command("recipe", "check", str(recipe), "--set", "decoder.use=bad", paths=[tmp_path])
    assert wanted.returncode == 2
    assert said in wanted.stderr
    assert "Traceback" not in wanted.stderr


def test_a_class_that_cannot_be_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "quits.py").write_text("raise SystemExit(3)")
    (tmp_path / "lazy.py").write_text(
        "from qatk.api import Component, hookimpl\n@hookimpl\ndef qatk_decoders():\n"
        "    return [Component('bad', 'quits:Bad', summary='quits')]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    recipe = write_recipe(tmp_path, train=16, dev=8, max_steps=2)
    host = PluginHost.discover(files=[str(tmp_path / "lazy.py")], environ={})
    with pytest.raises(RecipeError, match=r"decoder 'bad' of plugin lazy .* cannot be imported: SystemExit"):
        qatk.run(recipe, out=tmp_path / "run", settings=["decoder.use=bad"], host=host)


def test_a_traceback_comes_where_it_is_asked_for(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, train=16, dev=8, max_steps=2)
    file = plugin(tmp_path, *CASES[0][:2])
    done = command(
        "run", str(recipe), "--set", "decoder.use=bad", "--out", str(tmp_path / "run"), plugin=file, QATK_TRACEBACK="1"
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "raised in decoder 'bad'" in done.stderr


def test_a_missing_plugin_is_named_with_what_to_install(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, train=16, dev=8, max_steps=2)
    file = plugin(tmp_path, "decoder", "return right")
    run = ["run", str(recipe), "--set", "decoder.use=bad", "--out", str(tmp_path / "run")]
    assert command(*run, plugin=file).returncode == 0
    done = command(*run, "--resume")
    assert done.returncode == 2
    assert "made with decoder 'bad' of plugin misbehaving" in done.stderr
    assert f"qatk --plugin {file}" in done.stderr
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    for row in manifest["components"]:
        row.update({"distribution": "qatk-bad", "version": "2.1"} if row["name"] == "bad" else {})
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest))
    assert "pip install qatk-bad==2.1" in command(*run, "--resume").stderr
    assert command("report", str(tmp_path / "run"), "--out", str(tmp_path)).returncode == 0, "a report needs no plugin"


def test_a_run_is_reported_without_the_plugin_of_one_of_its_reporters(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(LOUD)
    recipe, run = write_recipe(tmp_path, train=16, dev=8, max_steps=2), tmp_path / "run"
    host = PluginHost.discover(files=[str(tmp_path / "loud.py")], environ={})
    qatk.run(recipe, out=run, settings=["reporters=[{use: loud}, {use: markdown}]"], host=host)
    (run / "report.md").unlink()
    said = rf"made with reporter 'loud' of plugin loud .*: its report is left out; qatk --plugin {tmp_path / 'loud.py'}"
    with pytest.warns(QatkWarning, match=said):
        qatk.report(run)
    assert (run / "report.md").exists()
    with pytest.raises(UsageError, match="no reporter is called 'loud'"):
        qatk.report(run, reporters=["loud"])


HANGING = """
import time
from qatk.api import Component, hookimpl
class Bad:
    def __init__(self, options): pass
    def start(self, manifest, folder): print("begun")
    def event(self, event): time.sleep(1000)
    def finish(self, result): raise AssertionError("it was switched off")
@hookimpl
def qatk_trackers():
    return [Component("bad", Bad, summary="hangs")]
"""


def test_a_tracker_that_hangs_is_left_behind(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, train=32, dev=8, max_steps=6)
    (tmp_path / "hangs.py").write_text(HANGING)
    run = ["run", str(recipe), "--set", "trackers=[{use: bad}, {use: jsonl}]", "--out", str(tmp_path / "run"), "--json"]
    began = time.monotonic()
    done = command(*run, plugin=tmp_path / "hangs.py", QATK_TRACKER_SECONDS="0.5")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 500
    assert done.stderr.count("tracker 'bad' of plugin hangs") == 1
    assert "event() did not come back within 0.5 s" in done.stderr
    assert json.loads(done.stdout)["total"] == 8
    assert (tmp_path / "run" / "events.jsonl").stat().st_size > 0, "the other tracker goes on"


def test_how_long_a_tracker_may_take_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QATK_TRACKER_SECONDS", "soon")
    with pytest.raises(UsageError, match="no number of seconds"):
        Trackers([])


def distribution(folder: Path, name: str, version: str, plugin: str, module: str) -> None:
    """What pip leaves of a distribution that registers a plugin."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[qatk]\n{plugin} = {module}\n")
    (folder / f"{module}.py").write_text("")


def test_of_two_distributions_with_one_plugin_name_the_second_is_quarantined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, "a-first", "1.0", "heads", "mod_a")
    distribution(tmp_path, "b-second", "2.0", "mine", "mod_b")
    distribution(tmp_path, "c-third", "3.0", "mine", "mod_c")
    monkeypatch.syspath_prepend(str(tmp_path))
    host = PluginHost.discover(environ={})
    assert host.find("decoder", "min-null").plugin.distribution == "qatk", "no other distribution takes its place"
    broken = {str(plugin): plugin.reason for plugin in host.plugins if plugin.error}
    assert set(broken) == {"heads (a-first 1.0)", "mine (c-third 3.0)"}
    assert "another plugin has its name: mine (b-second 2.0)" in broken["mine (c-third 3.0)"]
    assert "uninstall one of the two distributions" in broken["mine (c-third 3.0)"]


def test_a_reporter_prints_only_where_its_console_may(
    tmp_path: Path, host: PluginHost, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "loud.py").write_text(LOUD)
    loud = PluginHost.discover(files=[str(tmp_path / "loud.py")], environ={}).live(LiveReporter, "reporter", "loud")
    for quiet, place in ((False, "out"), (True, "err")):
        loud.report(make_result(host), None, Console(quiet=quiet))
        assert getattr(capsys.readouterr(), place) == "loud\n"


LOUD = '''
from qatk.api import Component, NoOptions, hookimpl


class Loud:
    """Prints past its console."""

    def __init__(self, options):
        pass

    def report(self, result, out_dir, console):
        print("loud")


@hookimpl
def qatk_reporters():
    return [Component("loud", Loud, NoOptions, "prints")]
'''
