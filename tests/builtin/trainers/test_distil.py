"""The ``distil`` trainer: soft targets from any model, with the student's tokenizer or another, kept and resumed."""

from __future__ import annotations

import dataclasses
import gc
import os
import shutil
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import kl_div

import qatk
from head_cases import head
from model_tools import save_model
from qatk.api import (
    Batch,
    Examples,
    Features,
    ModelError,
    QatkWarning,
    SpanCandidates,
    SpanLogits,
    SpanScores,
    TokenScores,
    UsageError,
)
from qatk.files import LIMIT, PLACE
from qatk.inference.exporting import export
from qatk.plugins.host import PluginHost
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.heads import LinearOptions
from qatk_builtin.heads.linear import LinearSpans
from qatk_builtin.trainers import DistilOptions
from qatk_builtin.trainers.distil.soft_targets import SoftTargets, mean_targets, moved, soft_targets
from qatk_builtin.trainers.distil.store import Store
from qatk_builtin.trainers.distil.teacher import Teacher
from qatk_builtin.trainers.distil.trainer import DistilTrainer
from qatk_builtin.trainers.pytorch.losses import divergence
from small import write_recipe
from trainer_tools import assemble, same, weights

PLAIN = {"device": "cpu", "precision": "fp32", "learning_rate": 5e-3, "batch_size": 8, "epochs": 2.0}


def made(teacher: Any, **options: Any) -> DistilTrainer:
    return DistilTrainer(DistilOptions(teacher=teacher, **PLAIN | options))


@dataclass(frozen=True)
class Bench:
    """Examples, a student, and its windows."""

    examples: Examples
    student: HfBackbone
    windows: Features

    def fit(self, trainer: DistilTrainer, *, seed: int = 1, **more: Any) -> Any:
        model = assemble(trainer, HfBackbone(self.student.options), seed=seed)
        trainer.take_examples(self.examples)
        list(trainer.fit(model, self.windows, None, seed=3, **more))
        return model


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, host: PluginHost) -> Bench:
    folder = tmp_path_factory.mktemp("distil")
    save_model(folder / "student")
    for seed, form in enumerate(("bert", "roberta", "left")):
        torch.manual_seed(seed)
        save_model(folder / form, form, answers=True, max_position_embeddings=258)
    student = HfBackbone(HfOptions(model=str(folder / "student")))
    examples = host.build("dataset", "facts", {"questions": 6, "long": 0.0}).load()
    featurizer = host.build("featurizer", "stride", {"max_length": 64, "doc_stride": 16})
    windows = featurizer.featurize(examples, student.tokenizer(), student.spec(), targets=True)
    return Bench(examples, student, windows)


@pytest.fixture
def folder(bench: Bench) -> Path:
    return Path(bench.student.options.model).parent


def columns(lengths: list[int], chars: list[tuple[int, int]], nulls: list[int], examples: list[int]) -> Features:
    begin, end = np.array(chars, np.int32).T
    flat = np.zeros(len(chars), np.int32)
    return Features(
        example_index=np.array(examples, np.int32),
        token_offsets=np.cumsum([0, *lengths], dtype=np.int64),
        input_ids=flat,
        type_ids=flat.astype(np.int8),
        char_start=begin,
        char_end=end,
        null_index=np.array(nulls, np.int32),
    )


NO = (-1, -1)
TWO = columns([4, 3], [NO, NO, (0, 3), (4, 8), NO, (4, 8), (9, 12)], [0, 0], [0, 0])


def scores(values: list[float], null: list[float]) -> SpanScores:
    column = np.array(values, np.float32)
    return SpanScores(np.array(null, np.float32), column, column[::-1].copy())


def test_the_probabilities_of_a_window_are_those_of_its_scores() -> None:
    start = [1.0, -np.inf, 2.0, 0.5, 3.0, -1.0, 2.0]
    found = soft_targets(TWO, SpanScores(np.array([2.0, 6.0], np.float32), *[np.array(start, np.float32)] * 2), "x")
    whole = torch.tensor(start)
    np.testing.assert_allclose(found.start[:4], whole[:4].log_softmax(0), atol=1e-6)
    np.testing.assert_allclose(found.end[4:], whole[4:].log_softmax(0), atol=1e-6)


def test_what_a_verifier_adds_to_no_answer_goes_to_start_and_end() -> None:
    start = np.array([1.0, -np.inf, 2.0, 0.5, -np.inf, -1.0, 2.0], np.float32)
    found = soft_targets(TWO, SpanScores(np.array([6.0, 3.0], np.float32), start, start), "x")
    np.testing.assert_allclose(found.start[:4], torch.tensor([3.0, -torch.inf, 2.0, 0.5]).log_softmax(0), atol=1e-6)
    np.testing.assert_allclose(found.end[4:], torch.tensor([1.5, -1.0, 2.0]).log_softmax(0), atol=1e-6)


def test_scores_of_whole_spans_are_summed_up_by_start_and_by_end() -> None:
    spans = SpanCandidates(
        *(np.array(v, np.int32) for v in ([0, 0, 0], [2, 2, 3], [2, 3, 3])), np.log([1, 2, 3.0]).astype("f")
    )
    found = soft_targets(TWO, SpanScores(np.log([4.0, 1.0]).astype("f"), candidates=spans), "x")
    np.testing.assert_allclose(np.exp(found.start), [0.4, 0, 0.3, 0.3, 1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(np.exp(found.end), [0.4, 0, 0.1, 0.5, 1, 0, 0], atol=1e-6)
    with pytest.raises(ModelError, match="x: it tags tokens"):
        soft_targets(TWO, SpanScores(np.zeros(2, "f"), tokens=TokenScores(np.zeros(7, "f"))), "x")


def test_probabilities_find_the_tokens_of_another_tokenizer() -> None:
    """Theirs are halves of ours; the second of our windows lacks the first word, the third is of an example without."""
    theirs = columns([7], [(0, 1), (1, 3), (4, 6), (6, 8), (9, 10), (10, 12), NO], [6], [0])
    ours = columns([4, 3, 2], [NO, (0, 3), (4, 8), (9, 12), (4, 8), (9, 12), NO, NO, (0, 5)], [0, 2, 0], [0, 0, 1])
    start, end = np.array([[0.2, 0, 0.3, 0.1, 0.1, 0, 0.3], [0, 0.1, 0, 0.4, 0, 0.3, 0.2]])
    with np.errstate(divide="ignore"):
        given = SoftTargets(np.log(start).astype("f"), np.log(end).astype("f"))
    found = moved(theirs, given, ours, np.array([0, 0, 1], np.int32))
    np.testing.assert_allclose(np.exp(found.start), [0.3, 0.2, 0.4, 0.1, 0.4, 0.1, 0.5, 1, 0], atol=1e-3)
    np.testing.assert_allclose(np.exp(found.end), [0.2, 0.1, 0.4, 0.3, 0.4, 0.3, 0.3, 1, 0], atol=1e-3)


@pytest.mark.parametrize(
    ("sure", "due"),
    [
        ([0.01, 0.9], [0.1, 0, 0, 0, 0, 0.9]),  # the answer is in what the second window alone has
        ([0.3, 0.2], [0.7, 0, 0.3, 0, 0, 0]),
        ([0.0, 0.0], [1, 0, 0, 0, 0, 0]),
        ([0.0, 1.0], [0, 0, 0, 0, 0, 1]),
        ([0.5, 0.5], [0.5, 0, 0.5, 0, 0, 0]),  # as sure, of which the first shares more
    ],
)
def test_a_window_that_two_of_theirs_cover_learns_the_surer_one(sure: list[float], due: list[float]) -> None:
    """Both have "no answer" first; the first window lacks the last two words, the second one the first three."""
    words = [(0, 3), (4, 8), (9, 12), (13, 16), (17, 20)]
    theirs = columns([4, 3], [NO, *words[:3], NO, *words[3:]], [0, 0], [0, 0])
    ours = columns([6], [NO, *words], [0], [0])
    one, other = sure
    column = np.log(np.maximum([1 - one, 0, one, 0, 1 - other, 0, other], 1e-30)).astype("f")
    found = moved(theirs, SoftTargets(column, column), ours, np.zeros(1, np.int32))
    np.testing.assert_allclose(np.exp(found.start), due, atol=1e-6)
    np.testing.assert_allclose(np.exp(found.end), due, atol=1e-6)


def test_several_teachers_are_averaged_by_probability() -> None:
    one, other = np.log([[0.2, 0.8, 1e-30], [0.6, 0.1, 0.3]]).astype("f")
    found = mean_targets([SoftTargets(one, other), SoftTargets(other, one)])
    np.testing.assert_allclose(np.exp(found.start), [0.4, 0.45, 0.15], atol=1e-6)


def test_the_divergence_is_that_of_torch_and_leaves_masked_tokens_out() -> None:
    torch.manual_seed(0)
    ours, theirs = torch.randn(3, 6), torch.randn(3, 6).log_softmax(1)
    due = kl_div((ours / 3).log_softmax(1), (theirs / 3).softmax(1), reduction="batchmean")
    torch.testing.assert_close(divergence(ours, theirs, 3.0), due)
    hidden = torch.nn.functional.pad(ours, (0, 2), value=-torch.inf).requires_grad_()
    more = torch.nn.functional.pad(theirs, (0, 2), value=-1.0)
    torch.testing.assert_close(divergence(hidden, more, 3.0), due)
    divergence(hidden, more.masked_fill(more < -2.5, -torch.inf), 3.0).backward()
    assert hidden.grad is not None
    assert hidden.grad.isfinite().all()
    assert not hidden.grad[:, 6:].any()
    assert float(divergence(theirs + 5, theirs, 2.0)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("form", ["bert", "roberta", "left"])
def test_a_student_comes_closer_to_its_teacher(form: str, bench: Bench, folder: Path) -> None:
    """Whatever tokenizer the teacher has; the student starts from other weights, and the gold answers say nothing."""
    trainer = made(str(folder / form), weight=1.0, epochs=8.0, temperature=1.0, log_every=1)
    model = assemble(trainer, HfBackbone(bench.student.options), seed=1)
    trainer.take_examples(bench.examples)
    losses = [event.loss for event in trainer.fit(model, bench.windows, None, seed=3) if event.kind == "epoch"]
    assert losses[-1] < 0.7 * losses[0]


def test_weight_0_is_the_torch_trainer(bench: Bench, folder: Path) -> None:
    plain = qatk_torch(bench)
    assert same(weights(bench.fit(made(str(folder / "bert"), weight=0.0))), weights(plain))
    assert not same(weights(bench.fit(made(str(folder / "bert"), weight=0.1))), weights(plain))


def test_the_teachers_loss_is_multiplied_by_the_square_of_the_temperature() -> None:
    logs = torch.tensor([[0.0, 2.0, -1.0, 0.5]]).log_softmax(1)
    output = SpanLogits(torch.zeros(1, 4), torch.tensor([[1.0, 0.0, 0.0, 0.0]]), torch.zeros(1))
    every = torch.ones(1, 4, dtype=torch.bool)
    null, target = torch.zeros(1, dtype=torch.int64), torch.ones(1, dtype=torch.int64)
    batch = Batch({}, every, every, null, target, target, extra={"teacher_start": logs, "teacher_end": logs})
    head: Any = LinearSpans(4, LinearOptions())
    for weight in (1.0, 0.25):
        found = made("none", temperature=3.0, weight=weight).loss(head, output, batch)
        soft = (divergence(output.start, logs, 3.0) + divergence(output.end, logs, 3.0)) / 2
        torch.testing.assert_close(found, weight * 9 * soft + (1 - weight) * head.loss(output, batch))


def qatk_torch(bench: Bench) -> Any:
    from trainer_tools import trainer

    engine = trainer(**PLAIN)
    model = assemble(engine, HfBackbone(bench.student.options), seed=1)
    list(engine.fit(model, bench.windows, None, seed=3))
    return model


def test_teachers_are_asked_once(bench: Bench, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = [str(folder / "bert"), str(folder / "roberta")]
    without = weights(bench.fit(made(both)))
    monkeypatch.setenv(PLACE, str(tmp_path))
    stored = weights(bench.fit(made(both)))
    files = sorted((tmp_path / "soft-targets").iterdir())
    assert len(files) == 2
    assert max(file.stat().st_size for file in files) < 4.1 * len(bench.windows.input_ids) + 500
    with monkeypatch.context() as patch:
        patch.setattr("qatk_builtin.trainers.distil.teacher.Teacher.targets", None)
        assert same(
            weights(
                bench.fit(
                    made(
                        both,
                    )
                )
            ),
            stored,
        )
    assert same(without, stored)
    bytes_ = bytearray(files[0].read_bytes())
    bytes_[-3] ^= 1
    files[0].write_bytes(bytes_)
    with pytest.warns(QatkWarning, match="damaged soft targets in .* are made anew"):
        assert same(weights(bench.fit(made(both))), stored)
    bench.fit(made(both))  # and are whole again


def test_one_teacher_is_held_at_a_time(bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[weakref.ref[Teacher]] = []

    class Watched(Teacher):
        def __init__(self, *given: Any) -> None:
            gc.collect()
            assert not any(teacher() for teacher in asked)
            super().__init__(*given)
            asked.append(weakref.ref(self))

    monkeypatch.setattr("qatk_builtin.trainers.distil.trainer.Teacher", Watched)
    bench.fit(made([str(folder / "bert"), str(folder / "left")], max_steps=1))
    assert len(asked) == 2


def test_targets_follow_from_the_options_of_the_teachers_head(bench: Bench, folder: Path) -> None:
    teacher = Teacher(str(folder / "bert"), "cpu", bench.student.tokenizer(), bench.student.spec())
    plain, known = teacher._model, teacher.identity(bench.examples, bench.windows)
    teacher._model = dataclasses.replace(plain, sections={**plain.sections, "head": {"use": "linear", "layers": 2}})
    assert teacher.identity(bench.examples, bench.windows) != known


def test_an_exported_model_teaches_students_on_any_device(bench: Bench, tmp_path: Path) -> None:
    def teacher(name: Path, device: str) -> Teacher:
        return Teacher(str(name), device, bench.student.tokenizer(), bench.student.spec())

    given = bench.examples, bench.windows
    save_model(plain := tmp_path / "plain", answers=True)
    exported = export(plain, "onnx", tmp_path / "exported").folder
    due = teacher(plain, "cpu").targets(*given)
    for device in ("auto", "cpu", "cuda"):
        np.testing.assert_allclose(
            np.exp(teacher(exported, device).targets(*given).start), np.exp(due.start), atol=1e-4
        )
    shutil.copytree(exported, tmp_path / "moved", copy_function=shutil.copy)
    assert teacher(tmp_path / "moved", "auto").identity(*given) == teacher(exported, "auto").identity(*given)


def test_soft_targets_used_longest_ago_make_room(tmp_path: Path) -> None:
    one = SoftTargets(*[np.zeros(200, "f")] * 2)
    measured = Store({PLACE: str(tmp_path / "measured")})
    measured.write("a", one)
    assert measured.folder is not None
    size = (measured.folder / "a.safetensors").stat().st_size
    store = Store({PLACE: str(tmp_path), LIMIT: str(3.5 * size / 1e9)})
    assert store.folder is not None
    for age, key in enumerate("abc"):
        store.write(key, one)
        os.utime(store.folder / f"{key}.safetensors", (1000 + age,) * 2)
    assert store.read("a") is not None
    store.write("d", one)
    assert sorted(file.stem for file in store.folder.iterdir()) == ["a", "c", "d"]
    with pytest.warns(QatkWarning, match=r"soft targets of 8.2 kB are not stored: QATK_CACHE_GB allows 3.6 kB"):
        store.write("e", SoftTargets(*[np.zeros(2000, "f")] * 2))
    assert store.read("e") is None


def test_training_goes_on_with_the_teacher_that_it_began_with(
    bench: Bench, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLACE, "off")
    teacher = str(folder / "bert")
    first = made(teacher)
    model = assemble(first, HfBackbone(bench.student.options), seed=1)
    first.take_examples(bench.examples)
    next(event for event in first.fit(model, bench.windows, None, seed=3) if event.kind == "epoch")
    first.save(model, tmp_path, state=True)
    resumed = bench.fit(made(teacher), seed=9, resume=tmp_path)
    assert same(weights(resumed), weights(bench.fit(made(teacher))))
    with monkeypatch.context() as patch:  # as other hardware rounds
        patch.setattr(
            "qatk_builtin.trainers.distil.trainer.as_stored",
            lambda found: SoftTargets(found.start + np.float32(1e-3), found.end),
        )
        bench.fit(made(teacher), resume=tmp_path)
    with pytest.raises(ModelError, match="its teachers, or the windows that they were asked about, were others"):
        bench.fit(made(str(folder / "left")), resume=tmp_path)


@pytest.mark.parametrize(("options", "learns"), [({}, True), ({"weight": 0.0}, False)])
def test_a_teacher_trains_the_head_beside_masked_words_alone(options: dict[str, float], learns: bool) -> None:
    assert made("none", masked_words=1.0, **options).learns_answers is learns


def test_what_cannot_be_taught_is_said(bench: Bench, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"the teacher .*gone cannot be loaded: "):
        bench.fit(made(str(tmp_path / "gone")))
    with pytest.raises(ModelError, match="no weights of a question-answering head"):
        bench.fit(made(str(folder / "student")))
    trainer = made(str(folder / "bert"))
    model = trainer.assemble(HfBackbone(bench.student.options), head("biaffine"), seed=1)
    trainer.take_examples(bench.examples)
    with pytest.raises(UsageError, match="use the head linear or answerability"):
        next(iter(trainer.fit(model, bench.windows, None, seed=3)))


def test_a_run_learns_from_runs(tmp_path: Path) -> None:
    """Self-distillation by a recipe; the student answers without its teacher."""
    recipe = write_recipe(tmp_path, train=32, dev=8, epochs=1)
    qatk.run(recipe, out=tmp_path / "seed1", seed=1)
    teacher = f"trainer.teacher=[{tmp_path / 'seed1'}]"
    result = qatk.run(recipe, out=tmp_path / "student", settings=["trainer.use=distil", teacher])
    assert result.evaluation.metrics["total"] == 8
    (tmp_path / "seed1").rename(tmp_path / "elsewhere")
    assert qatk.load_model(tmp_path / "student").answer("When?", "It was built in 1204.").candidates
