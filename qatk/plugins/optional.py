"""What components may do besides what their kind asks: the core makes use of it where a component has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from qatk.plugins.protocols import Model, Plain
from qatk.types import Examples, Features, Predictions, RawExamples, SpanScores

if TYPE_CHECKING:
    from rich.console import Console
    from torch import Tensor

    from qatk.results.comparison import Comparison
    from qatk.types import Bool


@runtime_checkable
class RawDataset(Protocol):
    """Optional, of datasets: also gives what stands in its source, right or wrong, for ``qatk data check``."""

    def raw(self, *, whole: bool = False) -> RawExamples:
        """Read everything, and refuse only what has not the form of the source. Raises as :meth:`Dataset.load`.

        Args:
            whole: with every further column that has one value a question, so that what is written again keeps them.
        """
        ...


@runtime_checkable
class WholeDataset(Protocol):
    """Optional, of datasets: reads what further columns there are, so that conversions keep them."""

    def load_whole(self) -> Examples:
        """As :meth:`Dataset.load`, and with every further column that has one value a question."""
        ...


@runtime_checkable
class FeaturizerCaching(Protocol):
    """Optional, of featurizers: whether windows may be kept from run to run; without it they are.

    A featurizer whose windows follow from more than its arguments, options and sources (from a file, or chance), or
    that changes the tokenizer, says ``cacheable = False`` in its class.
    """

    cacheable: bool


class CheckpointModule(Protocol):
    """Optional, of the modules that heads build: weights shared with published question-answering checkpoints."""

    def load_checkpoint(self, state: Mapping[str, Tensor]) -> bool:
        """Take over the weights of ``Backbone.head_state``; ``False`` where they do not fit, and nothing is changed."""
        ...

    def checkpoint_state(self) -> Mapping[str, Tensor]:
        """The weights under the names that ``AutoModelForQuestionAnswering`` gives them."""
        ...


@runtime_checkable
class DescribingTrainer(Protocol):
    """Optional, of trainers: what the run folder's manifest should say of the model."""

    def describe(self, model: Model) -> Mapping[str, Plain]:
        """Plain values by name. Reports know ``device``, ``precision``, ``parameters`` and ``head``.

        ``head`` is ``untrained`` for a head whose weights come from nowhere yet: a run without training is refused.
        """
        ...


@runtime_checkable
class CalibratedDecoder(Protocol):
    """Optional, of decoders: whether a run fits the null threshold, held out by article, after decoding."""

    @property
    def calibrated(self) -> bool:
        """Whether answers wait for a fitted threshold; their null odds, and best spans of all, are needed for it."""
        ...


@runtime_checkable
class FittedDecoder(Protocol):
    """Optional, of decoders: parameters of its own, fitted on scored questions with gold once a model is trained.

    A run fits them on one half of the dev articles and answers the other half with them, and the halves swapped, as
    null thresholds are calibrated: no question is answered by parameters that saw its article. They are kept in
    ``decoder.json`` of the run folder, with those of all questions, and in its ``model/`` too: a run without training
    data whose backbone has that folder as its ``model`` takes the latter over, and fits none.
    """

    def fit(self, examples: Examples, features: Features, scores: SpanScores) -> Plain:
        """Parameters, as a value that JSON can hold. The decoder itself stays as it is."""
        ...

    def restore(self, state: Plain) -> None:
        """Take over what :meth:`fit` gave, here or elsewhere; until then answers go by what parameters begin with."""
        ...


@runtime_checkable
class CappedAnswers(Protocol):
    """Optional, of the *options* of decoders: the longest answer in tokens; reports say which gold it rules out."""

    max_answer_length: int


@runtime_checkable
class CorpusMetric(Protocol):
    """Optional, of metrics: figures of a whole set that are no means over questions."""

    def corpus(self, examples: Examples, predictions: Predictions) -> Mapping[str, float]:
        """One figure a name, on a scale of its own, shown as it is.

        What :meth:`Metric.score` gives are fractions, shown in per cent: a share that is to read like those is 0 to
        100 here. Official names (``exact``, ``f1``, ``total``, with ``HasAns_``, ``NoAns_``, ``best_`` or ``pr_``)
        are refused, and so is a name that another metric gives.
        """
        ...


@runtime_checkable
class TitledSlicer(Protocol):
    """Optional, of slicers: what reports call the groups; without it, the component's name."""

    title: str


@runtime_checkable
class AnswerSlicer(Protocol):
    """Optional, of slicers: groups by what was answered, such as long answers, or those a model is sure of.

    They come beside those of :meth:`Slicer.masks`, which may be none. A comparison shows the groups that all of its
    systems have alike, so that groups by answers are rarely among them.
    """

    def masks_of_answers(self, examples: Examples, predictions: Predictions) -> Mapping[str, Bool]:
        """bool[n] for each group's name, as :meth:`Slicer.masks` gives them; predictions row by row."""
        ...


@runtime_checkable
class ComparisonReporter(Protocol):
    """Optional, of reporters: shows what ``qatk compare`` found."""

    def compare(self, comparison: Comparison, file: Path | None, console: Console, *, show: int) -> None:
        """Show a comparison.

        Args:
            comparison: what was found.
            file: the file to write; ``None`` prints to the console.
            console: to print to.
            show: how many examples of each sort to show.
        """
        ...


OPTIONAL: Mapping[str, Sequence[type]] = {
    "dataset": (RawDataset, WholeDataset),
    "featurizer": (FeaturizerCaching,),
    "head": (CheckpointModule,),
    "trainer": (DescribingTrainer,),
    "decoder": (CalibratedDecoder, FittedDecoder, CappedAnswers),
    "metric": (CorpusMetric,),
    "slicer": (TitledSlicer, AnswerSlicer),
    "reporter": (ComparisonReporter,),
}
"""What components of a kind may do besides."""
