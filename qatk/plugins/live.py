"""Components at work: one thin adapter a kind, and the only way in which the core calls them.

An adapter attributes what a component raises, keeps what it prints off standard output, and checks the type of what it
gives. A value of the wrong type is the component's error, noted as such, before it can spoil anything further on.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from qatk.errors import counted
from qatk.plugins import observers, optional, protocols, values
from qatk.plugins.adapter import Live, Normalised
from qatk.plugins.attribution import attributed
from qatk.plugins.model_types import BackboneSpec
from qatk.plugins.protocols import Model, Plain, Tokenizer, methods_of
from qatk.plugins.registered import Registered
from qatk.results.run import RunResult
from qatk.types import Bool, Examples, Features, Float64, Predictions, RawExamples, SpanScores, TrainEvent
from qatk.types.further import ColumnsLeftOut

if TYPE_CHECKING:
    from rich.console import Console

    from qatk.results.comparison import Comparison


class LiveDataset(Live[protocols.Dataset]):
    """A source of examples."""

    def load(self, *, whole: bool = False) -> Examples:
        """All examples; ``whole`` with every further column, of a dataset that can tell which there are."""
        with self.during("load"):
            read = self.component.load
            if whole and isinstance(self.component, optional.WholeDataset):
                read = self.component.load_whole
            examples = values.expect(read(), Examples)
            if not self.registered.is_built_in:
                values.check_examples(examples, set())
            return examples

    def stream(self, size: int) -> Iterator[Examples] | None:
        """All examples in blocks of up to ``size``; ``None`` of a dataset that has none to give."""
        if (stream := optional.blocks_of(self.component)) is None:
            return None
        with self.during("load"):
            blocks = stream(size)
            return None if blocks is None else self._checked(iter(blocks))

    def _checked(self, blocks: Iterator[Examples]) -> Iterator[Examples]:
        seen: set[str] = set()
        while True:
            with self.during("load"):
                if (block := next(blocks, None)) is None:
                    return
                values.expect(block, Examples)
                if not self.registered.is_built_in:
                    values.check_examples(block, seen)
            yield block

    def raw(self, *, whole: bool = False) -> RawExamples:
        """All questions as their source has them; of a dataset that gives no such, what it loads."""
        if not isinstance(self.component, optional.RawDataset):
            return RawExamples.of(self.load(whole=whole))
        with self.during("load"):
            return values.expect(self.component.raw(whole=whole), RawExamples)

    def without_answers(self) -> str | None:
        """Why there is no gold: its ``roles`` find no column of answers; ``None`` where it is not due to them."""
        if "answers" in self.option("roles", {"answers": None}):
            return None
        with warnings.catch_warnings(record=True) as told:  # the rest of which has been said
            warnings.simplefilter("always")
            further = [*self.raw(whole=True).columns]
        left = [each.message.names for each in told if isinstance(each.message, ColumnsLeftOut)]
        further += [name for names in left for name in names]
        return f"no column is known to hold the answers (further columns: {', '.join(map(repr, further)) or 'none'})"


class LiveBackbone(Live[protocols.Backbone]):
    """A tokenizer and an encoder; trainers take the component itself."""

    def prepare(self, train: Examples | None) -> tuple[Tokenizer, BackboneSpec]:
        """Make the backbone ready for the training examples."""
        with self.during("preparation"):
            self.component.prepare(train)
            return self.component.tokenizer(), values.expect(self.component.spec(), BackboneSpec)


class LiveHead(Live[protocols.Head]):
    """Encoder states to span scores; trainers take the component itself."""


class LiveTrainer(Live[protocols.Trainer]):
    """Builds, trains, saves and runs a model."""

    def assemble(self, backbone: LiveBackbone, head: LiveHead, *, seed: int) -> Model:
        """The untrained model."""
        with self.during("assembly"):
            return self.component.assemble(backbone.component, head.component, seed=seed)

    def describe(self, model: Model) -> dict[str, Plain] | None:
        """What the manifest says of the model; ``None`` of a trainer that has nothing to say."""
        with self.during("assembly"):
            if not isinstance(self.component, optional.DescribingTrainer):
                return None
            return dict(self.component.describe(model))

    @property
    def pauses(self) -> bool:
        """Whether its training can be saved between any two steps, and stops where it is asked to."""
        return self.component.pauses if isinstance(self.component, optional.PausingTrainer) else False

    def take_examples(self, examples: Examples) -> None:
        """Give a trainer that learns from texts the training examples."""
        if isinstance(self.component, optional.ExamplesTrainer):
            with self.during("training"):
                self.component.take_examples(examples)

    def fit(
        self, model: Model, train: Features, dev: Features | None, *, seed: int, resume: Path | None
    ) -> Iterator[TrainEvent]:
        """Events of the training; what happens between two of them is not the trainer's doing."""
        with self.during("training"):
            events = iter(self.component.fit(model, train, dev, seed=seed, resume=resume))
        while True:
            with self.during("training"):
                if (event := next(events, None)) is None:
                    return
                event = values.expect(event, TrainEvent)
            yield event

    def predict(self, model: Model, features: Features, *, stage: str = "prediction") -> SpanScores:
        """Scores of every window."""
        with self.during(stage):
            return values.scores(self.component.predict(model, features), features)

    def save(self, model: Model, folder: Path, *, state: bool) -> None:
        """Write the model into an empty folder."""
        with self.during("saving"):
            self.component.save(model, folder, state=state)

    def load(self, model: Model, folder: Path) -> None:
        """Take over saved weights."""
        with self.during("loading"):
            self.component.load(model, folder)


class LiveDecoder(Normalised[protocols.Decoder]):
    """Span scores to answers."""

    @property
    def calibrated(self) -> bool:
        """Whether the null threshold is to be fitted after decoding."""
        return self.component.calibrated if isinstance(self.component, optional.CalibratedDecoder) else False

    @property
    def fitted(self) -> bool:
        """Whether it has parameters of its own, to be fitted before decoding."""
        return isinstance(self.component, optional.FittedDecoder)

    def fit(self, examples: Examples, features: Features, scores: SpanScores) -> Plain:
        """Parameters that :meth:`restore` takes."""
        assert isinstance(self.component, optional.FittedDecoder)
        with self.during("fitting"):
            return values.plain(self.component.fit(examples, features, scores))

    def restore(self, state: Plain) -> None:
        """Take over parameters."""
        assert isinstance(self.component, optional.FittedDecoder)
        with self.during("restoring"):
            self.component.restore(state)

    @property
    def max_answer_length(self) -> int | None:
        """The longest answer in tokens, where its options have such a cap."""
        return self.options.max_answer_length if isinstance(self.options, optional.CappedAnswers) else None

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        """One prediction an example."""
        with self.during("decoding"):
            predictions = values.expect(self.component.decode(examples, features, scores), Predictions)
            if len(predictions) != len(examples):
                raise ValueError(f"{counted(len(predictions), 'prediction')} for {counted(len(examples), 'example')}")
            if not self.registered.is_built_in:
                values.check_answers(examples, predictions)
            return predictions


class LiveMetric(Normalised[protocols.Metric]):
    """Judges predictions."""

    def score(self, examples: Examples, predictions: Predictions) -> Mapping[str, Float64]:
        """float64[n] by name, as fractions."""
        with self.during("scoring"):
            columns = values.columns(self.component.score(examples, predictions), len(examples), np.float64)
            values.check_questions(columns, examples)
            return columns

    def corpus(self, examples: Examples, predictions: Predictions) -> Mapping[str, float]:
        """Figures of the whole set; none of most metrics."""
        with self.during("scoring"):
            if not isinstance(self.component, optional.CorpusMetric):
                return {}
            return values.check_figures(self.component.corpus(examples, predictions))


class LiveNormaliser(Live[protocols.Normaliser]):
    """Brings texts into the form in which they are compared."""

    def normalise(self, texts: Sequence[str]) -> Sequence[str]:
        """The normal form of each text."""
        with self.during("normalising"):
            return values.texts(self.component.normalise(texts), len(texts))


class LiveSlicer(Normalised[protocols.Slicer]):
    """Groups of questions."""

    @property
    def title(self) -> str:
        """What reports call the groups."""
        return self.component.title if isinstance(self.component, optional.TitledSlicer) else self.registered.name

    def masks(self, examples: Examples, predictions: Predictions | None = None) -> Mapping[str, Bool]:
        """bool[n] by group; with predictions those by what was answered too, where it makes any."""
        with self.during("slicing"):
            groups = values.columns(self.component.masks(examples), len(examples), np.bool_)
            if predictions is None or not isinstance(self.component, optional.AnswerSlicer):
                return groups
            more = self.component.masks_of_answers(examples, predictions)
            return {**groups, **values.columns(more, len(examples), np.bool_)}


class LiveReporter(Live[protocols.Reporter]):
    """Shows or writes a result; it may print."""

    may_print: ClassVar[bool] = True

    @property
    def shows_comparisons(self) -> bool:
        """Whether it can show a comparison too."""
        return isinstance(self.component, observers.ComparisonReporter)

    @staticmethod
    def can_compare(registered: Registered) -> bool:
        """Whether what a class makes can show a comparison, without making it."""
        return all(hasattr(registered.cls(), name) for name in methods_of(observers.ComparisonReporter))

    def report(self, result: RunResult, out_dir: Path | None, console: Console) -> None:
        """Report a run; where the console is quiet, standard output is not the reporter's."""
        with attributed(self.registered, "reporting", may_print=not console.quiet):
            self.component.report(result, out_dir, console)

    def compare(self, comparison: Comparison, file: Path | None, console: Console, *, show: int) -> None:
        """Report a comparison; printing is as in :meth:`report`. Raises ``TypeError`` where the reporter shows none."""
        with attributed(self.registered, "reporting", may_print=not console.quiet):
            if not isinstance(self.component, observers.ComparisonReporter):
                raise TypeError("it shows no comparisons")
            self.component.compare(comparison, file, console, show=show)


class LiveTracker(Live[protocols.Tracker]):
    """Follows a run; :class:`qatk.runs.trackers.Trackers` keeps what it prints off standard output."""

    may_print: ClassVar[bool] = True

    def start(self, manifest: Mapping[str, Plain], out_dir: Path) -> None:
        """Before the first stage."""
        with self.during("start"):
            self.component.start(manifest, out_dir)

    def event(self, event: TrainEvent) -> None:
        """After every training event."""
        with self.during("event"):
            self.component.event(event)

    def finish(self, result: RunResult) -> None:
        """After scoring and reporting."""
        with self.during("finish"):
            self.component.finish(result)

    def abandon(self, failed: bool, why: str) -> None:
        """Where the run ends before it is scored; of a tracker that does not ask for it, nothing."""
        if isinstance(self.component, observers.EndingTracker):
            with self.during("abandon"):
                self.component.abandon(failed, why)
