"""Promises of trainers: see :class:`qatk.api.Trainer`. Trains a small model a few times: some seconds on a CPU.

The other parts are the built-in ``facts``, ``tiny``, ``stride`` and ``linear``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from qatk.plugins.optional import ExamplesTrainer
from qatk.plugins.protocols import Backbone, Head, Model, Trainer
from qatk.testing.inputs.snapshots import unchanged
from qatk.testing.promise import Subject, expect, given, promise, skip
from qatk.types import Examples, Features, Float32, SpanScores, TrainEvent

_SMALL = {"epochs": 2.0, "batch_size": 8, "learning_rate": 2e-3, "log_every": 2, "device": "cpu", "precision": "fp32"}
"""Set where a trainer has options of these names."""
_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class _Bench:
    """What a trainer works with."""

    backbone: Backbone
    head: Head
    examples: Examples
    train: Features
    dev: Features


def _bench(subject: Subject) -> _Bench:
    build = subject.host.build
    data = build("dataset", "facts", {"questions": 36, "long": 0.0})
    backbone = build("backbone", "tiny", {"vocab_size": 300, "hidden_size": 16, "layers": 1, "max_length": 96})
    examples = data.load()
    backbone.prepare(examples)
    featurizer = build("featurizer", "stride", {"max_length": 96, "doc_stride": 16})
    windows = featurizer.featurize(examples, backbone.tokenizer(), backbone.spec(), targets=True)
    train, dev = windows.take(np.arange(24)), windows.take(np.arange(24, len(windows)))
    return _Bench(backbone, build("head", "linear"), examples, train, dev)


def _trainer(subject: Subject) -> Trainer:
    trainer: Trainer = subject.build(**{name: value for name, value in _SMALL.items() if subject.takes(name)})
    return trainer


def _trained(
    subject: Subject, bench: _Bench, *, seed: int = 1, upto: int | None = None
) -> tuple[Trainer, Model, list[TrainEvent]]:
    """Trainer, model and events; with ``upto`` training stops after so many epochs."""
    trainer = _trainer(subject)
    model, epochs = trainer.assemble(bench.backbone, bench.head, seed=seed), 0
    events: list[TrainEvent] = []
    _tell(trainer, bench)
    for event in trainer.fit(model, bench.train, bench.dev, seed=seed):
        events.append(event)
        epochs += event.kind == "epoch"
        if upto is not None and epochs == upto:
            break
    return trainer, model, events


def _tell(trainer: Trainer, bench: _Bench) -> None:
    """Give a trainer that learns from texts the examples, as a run does."""
    if isinstance(trainer, ExamplesTrainer):
        trainer.take_examples(bench.examples)


def _flat(scores: SpanScores) -> Float32:
    """All numbers of some scores, ``-inf`` as a number, so that they can be compared."""
    parts = [scores.null, scores.start, scores.end, scores.candidates.score if scores.candidates else None]
    together = np.concatenate([part for part in parts if part is not None])
    return np.where(np.isneginf(together), np.float32(-1e6), together)


def _compare(one: SpanScores, other: SpanScores, names: tuple[str, str]) -> None:
    a, b = _flat(one), _flat(other)
    expect(a.shape == b.shape, f"{len(a)} scores {names[0]} and {len(b)} {names[1]}")
    close = np.isclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE)
    at = int((~close).argmax())
    expect(
        close.all(),
        f"{(~close).sum()} of {len(a)} scores differ, such as {a[at]:.5g} {names[0]} and {b[at]:.5g} {names[1]}",
    )


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(folder)


@promise("predict returns the scores of every window, in order, and the same ones again")
def predicts_every_window(subject: Subject) -> None:
    """Windows alone are scored as among others; the windows are left as they are."""
    bench = _bench(subject)
    with given(f"{len(bench.dev)} windows"), unchanged(bench.dev):
        trainer = _trainer(subject)
        model = trainer.assemble(bench.backbone, bench.head, seed=1)
        whole = trainer.predict(model, bench.dev)
        expect(isinstance(whole, SpanScores), f"predict returned {type(whole).__name__}, not qatk.api.SpanScores")
        whole.check(bench.dev)
        _compare(whole, trainer.predict(model, bench.dev), ("at first", "when asked again"))
    with given(f"the last 3 of {len(bench.dev)} windows alone"):
        rows = np.arange(len(bench.dev))[-3:]
        few = trainer.predict(model, bench.dev.take(rows))
        close = np.isclose(few.null, whole.null[rows], rtol=_TOLERANCE, atol=_TOLERANCE)
        expect(close.all(), f"null scores {few.null.tolist()}, but {whole.null[rows].tolist()} among others")


@promise("fit yields events whose steps rise to total_steps, and after each epoch an epoch event with scores")
def yields_events(subject: Subject) -> None:
    """Progress bars, trackers and the best epoch rely on them."""
    bench = _bench(subject)
    with given(f"{len(bench.train)} windows"), unchanged(bench.train):
        _, _, events = _trained(subject, bench)
        expect(events and all(isinstance(e, TrainEvent) for e in events), f"{[type(e).__name__ for e in events][:3]}")
        steps = [event.step for event in events]
        expect(steps == sorted(steps), f"steps {steps}")
        expect(
            events[-1].step == events[-1].total_steps,
            f"training ended at step {events[-1].step} of {events[-1].total_steps}",
        )
        expect(len({e.total_steps for e in events}) == 1, f"total_steps {sorted({e.total_steps for e in events})}")
        epochs = [event for event in events if event.kind == "epoch"]
        expect(epochs and events[-1].kind == "epoch", "the last event is not an 'epoch' event")
        expect(len(epochs) > 1 or not subject.takes("epochs"), "one 'epoch' event in two epochs")
        for event in epochs:
            expect(event.scores is not None, f"no scores at step {event.step}")
            assert event.scores is not None
            event.scores.check(bench.dev)
        expect(all(math.isfinite(e.loss) for e in events), f"losses {[e.loss for e in events]}")


@promise("without dev windows, fit yields the same events without scores, and gives the same model")
def trains_without_dev(subject: Subject) -> None:
    """A recipe with ``score_epochs: false`` has dev scored at the end alone."""
    bench = _bench(subject)
    trainer, model, events = _trained(subject, bench)
    with given("dev=None"):
        other = _trainer(subject)
        alone = other.assemble(bench.backbone, bench.head, seed=1)
        _tell(other, bench)
        found = list(other.fit(alone, bench.train, None, seed=1))
        kinds = [[(event.kind, event.step) for event in each] for each in (events, found)]
        expect(kinds[0] == kinds[1], f"events {kinds[1][-3:]} at the end, and {kinds[0][-3:]} with dev windows")
        expect(all(event.scores is None for event in found), "an event has scores")
        _compare(trainer.predict(model, bench.dev), other.predict(alone, bench.dev), ("with dev", "without"))


@promise("training changes the model and reduces the loss")
def learns(subject: Subject) -> None:
    """Losses fall, and scores move."""
    bench = _bench(subject)
    with given(f"{len(bench.train)} windows"):
        trainer = _trainer(subject)
        untrained = trainer.predict(trainer.assemble(bench.backbone, bench.head, seed=1), bench.train)
        trainer, model, events = _trained(subject, bench)
        moved = np.abs(_flat(trainer.predict(model, bench.train)) - _flat(untrained)).max()
        expect(moved > 1e-4, "the scores are still those of the untrained model")
        losses = [event.loss for event in events if event.kind == "epoch"]
        expect(len(losses) < 2 or losses[-1] < losses[0], f"the losses of the epochs are {losses}")


@promise("the same seed gives the same model, and another seed gives another model")
def is_deterministic(subject: Subject) -> None:
    """Everything random comes from the seed."""
    bench = _bench(subject)
    found = {}
    for run, seed in (("first", 1), ("second", 1), ("other", 2)):
        with given(f"seed {seed}"):
            trainer, model, _ = _trained(subject, bench, seed=seed)
            found[run] = trainer.predict(model, bench.dev)
    with given("seed 1, twice"):
        _compare(found["first"], found["second"], ("at first", "when trained again"))
    with given("seeds 1 and 2"):
        expect(not np.allclose(_flat(found["first"]), _flat(found["other"])), "the same scores")


@promise("weights that are saved and loaded into an untrained model give equal scores")
def models_can_be_saved(subject: Subject) -> None:
    """The best epoch, reports and predictions come from what was saved."""
    bench = _bench(subject)
    with _folder() as folder, given("a trained model"):
        trainer, model, _ = _trained(subject, bench)
        trainer.save(model, folder, state=False)
        expect(any(folder.iterdir()), "save wrote nothing")
        other = _trainer(subject)
        fresh = other.assemble(bench.backbone, bench.head, seed=9)
        other.load(fresh, folder)
        _compare(trainer.predict(model, bench.dev), other.predict(fresh, bench.dev), ("when saved", "when loaded"))


@promise("training that resumes after an epoch gives the same model as training that never stopped")
def training_can_be_resumed(subject: Subject) -> None:
    """Saved with state right after an epoch event, resumed by another trainer with another model."""
    bench = _bench(subject)
    with _folder() as folder, given("stopped after the first epoch"):
        trainer, model, events = _trained(subject, bench)
        if sum(event.kind == "epoch" for event in events) < 2:
            skip("it tells of one epoch alone, after which training is over")
        stopped, half, _ = _trained(subject, bench, upto=1)
        stopped.save(half, folder, state=True)
        other = _trainer(subject)
        resumed = other.assemble(bench.backbone, bench.head, seed=9)
        _tell(other, bench)
        rest = list(other.fit(resumed, bench.train, bench.dev, seed=1, resume=folder))
        last = max(event.step for event in rest) if rest else 0
        expect(last == events[-1].step, f"resumed training ended at step {last} of {events[-1].step}")
        _compare(trainer.predict(model, bench.dev), other.predict(resumed, bench.dev), ("without a stop", "resumed"))
