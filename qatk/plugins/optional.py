"""Optional protocols: what else the core uses if a component has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from qatk.languages import Normalisation
from qatk.plugins.model_types import BackboneSpec
from qatk.plugins.observers import ComparisonReporter, EndingTracker
from qatk.plugins.protocols import Model, Plain, Tokenizer
from qatk.types import Examples, Features, Predictions, RawExamples, SpanScores

if TYPE_CHECKING:
    from torch import Tensor, nn

    from qatk.types import Bool


@runtime_checkable
class RawDataset(Protocol):
    """Optional, for datasets: unchecked data, for ``qatk data check``."""

    def raw(self, *, whole: bool = False) -> RawExamples:
        """Read all data and refuse only what does not have the form of the source.

        Args:
            whole: with all additional columns that have one value per question, so that they can be written again.

        Raises:
            DataError, UsageError: as :meth:`Dataset.load`.
        """
        ...


@runtime_checkable
class WholeDataset(Protocol):
    """Optional, for datasets: reads all additional columns, so that conversions keep them."""

    def load_whole(self) -> Examples:
        """Like :meth:`Dataset.load`, with all additional columns that have one value per question."""
        ...


@runtime_checkable
class StreamingDataset(Protocol):
    """Optional, for datasets: questions in blocks, for ``qatk predict`` on more of them than memory holds.

    A class that overrides the ``load`` of another without its ``stream`` is not asked for the latter.
    """

    def stream(self, size: int) -> Iterator[Examples] | None:
        """Yield what ``load`` returns, in the same order, in blocks; ``None`` where the source cannot be read in parts.

        It is called more than once. ``load`` is called where a block raises an error, or only some have gold answers:
        it sees all questions, and says what is wrong with them.

        Args:
            size: the number of questions in a block, at most.

        Raises:
            DataError, UsageError: as :meth:`Dataset.load`, also when a block is made.
        """
        ...


@runtime_checkable
class FeaturizerCaching(Protocol):
    """Optional, for featurizers: whether windows may be cached between runs; by default they are.

    A featurizer sets ``cacheable = False`` in its class if its windows depend on anything besides its arguments,
    options and source code (such as a file, or chance), or if it changes the tokenizer.
    """

    cacheable: bool


@runtime_checkable
class LocatedBackbone(Protocol):
    """Optional, for backbones: where the model lies that they read, so that what lies beside it is read too."""

    def folder(self) -> Path:
        """Return the local folder with the files that describe the model, fetched first where it is elsewhere."""
        ...


@runtime_checkable
class StreamingFeaturizer(Protocol):
    """Optional, for featurizers: windows in parts, for predictions whose windows would not fit into memory.

    A class that overrides the ``featurize`` of another without its ``stream`` is not asked for the latter.
    """

    def stream(self, examples: Examples, tokenizer: Tokenizer, spec: BackboneSpec) -> Iterator[Features]:
        """Yield the windows that ``featurize`` makes without targets: in the same order, some at a time.

        Args:
            examples: the questions with their contexts; ``example_index`` refers to all of them.
            tokenizer: of the backbone.
            spec: of the backbone.

        Raises:
            FeatureError: as ``featurize``, when the part is made.
        """
        ...


Stream: TypeAlias = Callable[[Examples, Tokenizer, BackboneSpec], Iterator[Features]]


def stream_of(featurizer: object) -> Stream | None:
    """The ``stream`` of a featurizer, if it has one that belongs to its ``featurize``."""
    if not isinstance(featurizer, StreamingFeaturizer) or not _stream_belongs(featurizer, "featurize"):
        return None
    return featurizer.stream


def blocks_of(dataset: object) -> Callable[[int], Iterator[Examples] | None] | None:
    """The ``stream`` of a dataset, if it has one that belongs to its ``load``."""
    if not isinstance(dataset, StreamingDataset) or not _stream_belongs(dataset, "load"):
        return None
    return dataset.stream


def _stream_belongs(component: object, to: str) -> bool:
    """Whether no class overrides the method ``to`` of another without its ``stream``."""
    kind = type(component)
    owner, other = (next((cls for cls in kind.__mro__ if each in vars(cls)), kind) for each in ("stream", to))
    return issubclass(owner, other)


class CheckpointModule(Protocol):
    """Optional, for the modules that heads build: weights shared with published question-answering checkpoints."""

    def load_checkpoint(self, state: Mapping[str, Tensor]) -> bool:
        """Load the weights of ``Backbone.head_state``; return ``False`` and change nothing if they do not fit."""
        ...

    def checkpoint_state(self) -> Mapping[str, Tensor]:
        """Return the weights under the names that ``AutoModelForQuestionAnswering`` uses."""
        ...


@runtime_checkable
class DescribingTrainer(Protocol):
    """Optional, for trainers: what the manifest in the run folder says about the model."""

    def describe(self, model: Model) -> Mapping[str, Plain]:
        """Return plain values by name. Reports use ``device``, ``precision``, ``parameters`` and ``head``.

        ``head`` is ``untrained`` if the head's weights were only initialised; a run without training is then refused.
        """
        ...


@runtime_checkable
class PausingTrainer(Protocol):
    """Optional, for trainers: training that can be saved and resumed between any two steps.

    ``save(state=True)`` then also works right after a ``"step"`` event. After each step, or with several processes
    after a few, ``fit`` asks :func:`qatk.api.pause_requested`; if it says so, ``fit`` yields a ``"pause"`` event, after
    which the state can be saved too, and ends. A signal to a run of another trainer ends it at once, and it resumes
    from the last epoch. ``pauses = True`` in its class says so.
    """

    pauses: bool


@runtime_checkable
class ExamplesTrainer(Protocol):
    """Optional, for trainers: learns from the texts of the questions too, and not from their windows alone."""

    def take_examples(self, examples: Examples) -> None:
        """Called before ``fit`` with the training examples, which ``example_index`` of the windows refers to."""
        ...


@runtime_checkable
class ModuleTrainer(Protocol):
    """Optional, for trainers: the model as a torch module, which exporters write in other formats."""

    def module(self, model: Model) -> nn.Module:
        """Return a copy in eval mode and float32 on the CPU.

        Its ``forward`` takes a padded :class:`Batch` and returns :class:`SpanLogits`, :class:`PairLogits` or
        :class:`TokenLogits`.
        """
        ...


@runtime_checkable
class CalibratingExporter(Protocol):
    """Optional, for exporters: says whether the sample decides what the exported model computes.

    Users who give no data are then warned: the sample is a few built-in questions in English.
    """

    @property
    def calibrates(self) -> bool:
        """Whether, with its options, ranges of numbers are those of the sample."""
        ...


@runtime_checkable
class CalibratedDecoder(Protocol):
    """Optional, for decoders: whether a run fits the null threshold on held-out articles after decoding."""

    @property
    def calibrated(self) -> bool:
        """Whether to fit the threshold; the predictions must then have null odds and every best span."""
        ...


@runtime_checkable
class FittedDecoder(Protocol):
    """Optional, for decoders: own parameters, fitted on scored questions with gold answers after training.

    A run fits the parameters on half of the dev articles and decodes the other half with them, then swaps the halves,
    as for null thresholds; so no question is answered with parameters that were fitted on its article. The run folder's
    ``decoder.json`` has these parameters and those fitted on all questions; its ``model/`` has the latter too. A run
    without training data that uses this folder as its backbone's ``model`` restores them and fits nothing.
    """

    def fit(self, examples: Examples, features: Features, scores: SpanScores) -> Plain:
        """Return the fitted parameters as a value that JSON can hold. The decoder itself does not change."""
        ...

    def restore(self, state: Plain) -> None:
        """Use the parameters that :meth:`fit` returned; before that, the decoder uses its initial values."""
        ...


@runtime_checkable
class CappedAnswers(Protocol):
    """Optional, for the *options* of decoders: the maximum answer length, in tokens, for reports on longer gold."""

    max_answer_length: int


@runtime_checkable
class CorpusMetric(Protocol):
    """Optional, for metrics: figures of a whole data set that are not means over questions."""

    def corpus(self, examples: Examples, predictions: Predictions) -> Mapping[str, float]:
        """Return one figure for each name, on its own scale; reports show it as it is.

        :meth:`Metric.score` returns fractions that reports show in per cent; a share returned here should therefore
        range from 0 to 100. The official names (``exact``, ``f1``, ``total``, with ``HasAns_``, ``NoAns_``, ``best_``
        or ``pr_``) and the names of other metrics are refused.
        """
        ...


@runtime_checkable
class Normalising(Protocol):
    """Optional, for metrics, slicers and decoders: compares texts by the normaliser of their language.

    The options of metrics and slicers are then :class:`qatk.api.LanguageOptions`. A run sets ``normalisation`` before
    it scores or fits, the same for its metrics, for a decoder that fits its parameters by EM or F1, and for slicers
    that do not name their own; reports name it, and comparisons refuse to mix two.
    """

    normalisation: Normalisation


@runtime_checkable
class TitledSlicer(Protocol):
    """Optional, for slicers: the title that reports give the groups; by default the component's name."""

    title: str


@runtime_checkable
class AnswerSlicer(Protocol):
    """Optional, for slicers: groups by what was answered, such as long answers or those with a high score.

    They are added to the groups of :meth:`Slicer.masks`, which may be empty. A comparison only shows groups that are
    the same for all of its systems, which groups by answers rarely are.
    """

    def masks_of_answers(self, examples: Examples, predictions: Predictions) -> Mapping[str, Bool]:
        """Return bool[n] for each group's name, like :meth:`Slicer.masks`; predictions come row by row."""
        ...


OPTIONAL: Mapping[str, Sequence[type]] = {
    "dataset": (RawDataset, WholeDataset, StreamingDataset),
    "backbone": (LocatedBackbone,),
    "featurizer": (FeaturizerCaching, StreamingFeaturizer),
    "head": (CheckpointModule,),
    "trainer": (DescribingTrainer, PausingTrainer, ExamplesTrainer, ModuleTrainer),
    "decoder": (CalibratedDecoder, FittedDecoder, CappedAnswers, Normalising),
    "metric": (CorpusMetric, Normalising),
    "slicer": (TitledSlicer, AnswerSlicer, Normalising),
    "exporter": (CalibratingExporter,),
    "reporter": (ComparisonReporter,),
    "tracker": (EndingTracker,),
}
"""The optional protocols of each kind."""
