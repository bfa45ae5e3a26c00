"""What a component of each kind must be able to do; :mod:`qatk.plugins.optional` says what else it may do.

Components are checked against protocols after loading; they do not inherit from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from typing_extensions import get_protocol_members

from qatk.errors import UsageError, suggest
from qatk.plugins.export_protocols import Exporter as Exporter
from qatk.plugins.export_protocols import Runtime as Runtime
from qatk.plugins.launch_protocols import Launcher as Launcher
from qatk.plugins.model_types import BackboneSpec, Batch, PairLogits, SpanLogits, TokenLogits
from qatk.plugins.model_types import Logits as Logits
from qatk.plugins.model_types import Model as Model
from qatk.plugins.model_types import Plain as Plain
from qatk.plugins.model_types import Tokenizer as Tokenizer
from qatk.results.run import RunResult
from qatk.types import Examples, Features, Predictions, SpanScores, TrainEvent

if TYPE_CHECKING:
    from rich.console import Console
    from torch import Tensor, nn

    from qatk.types import Bool, Float64


class Dataset(Protocol):
    """A source of examples."""

    def load(self) -> Examples:
        """Read all examples.

        Raises:
            DataError: if the content cannot be used, with the file, line or id of the mistake.
            UsageError: if the data cannot be found or opened.
        """
        ...


class Backbone(Protocol):
    """A tokenizer and an encoder. The methods are called in this order, each at most once per run."""

    def prepare(self, train: Examples | None) -> None:
        """Prepare for the training examples, for example by fitting a vocabulary; most backbones do nothing here."""
        ...

    def spec(self) -> BackboneSpec:
        """Return what the other parts need to know. This must not load weights."""
        ...

    def tokenizer(self) -> Tokenizer:
        """Return a fast tokenizer of ``transformers``.

        Raises:
            ModelError: if the model has none.
        """
        ...

    def encoder(self) -> nn.Module:
        """Return the module with pretrained weights; its ``forward`` returns ``last_hidden_state`` [B, L, H]."""
        ...

    def head_state(self) -> Mapping[str, Tensor]:
        """Return the checkpoint's weights outside the encoder, under the checkpoint's names; may be empty."""
        ...


class Featurizer(Protocol):
    """Turns examples into token windows.

    Windows are cached between runs under a key made of the arguments, the options and the source code; see
    :class:`FeaturizerCaching`.
    """

    def featurize(self, examples: Examples, tokenizer: Tokenizer, spec: BackboneSpec, *, targets: bool) -> Features:
        """Make the windows of the examples.

        Args:
            examples: the questions with their contexts.
            tokenizer: of the backbone.
            spec: of the backbone.
            targets: whether the windows are for training. If so, they have targets, and options that drop windows
                apply. If not, the windows of every example that has tokens cover its whole context together; they still
                have targets if gold answers are known, so that the loss on dev windows can be shown.

        Raises:
            FeatureError: if the options leave no room for the context.
        """
        ...


class Retriever(Protocol):
    """Chooses which windows of long contexts are scored, for predictions and evaluations; training sees all windows."""

    def keep(self, examples: Examples, features: Features) -> Bool:
        """Choose among the windows of each question.

        Args:
            examples: the questions with their contexts.
            features: all windows of some of these examples; ``example_index`` refers to ``examples``.

        Returns:
            bool[F]: the windows to score. Every example with windows keeps one or more; which ones depends on that
            example alone.
        """
        ...


class SpanModule(Protocol):
    """The ``nn.Module`` that a head builds."""

    def __call__(self, states: Tensor, batch: Batch) -> SpanLogits | PairLogits | TokenLogits:
        """Score encoder states [B, L, H]."""
        ...

    def loss(self, output: Logits, batch: Batch) -> Tensor:
        """Return the mean loss over the batch, a scalar."""
        ...


class Head(Protocol):
    """Turns encoder states into span scores."""

    def build(self, spec: BackboneSpec) -> nn.Module:
        """Return a new, freshly initialised :class:`SpanModule`; it may also be a :class:`CheckpointModule`."""
        ...


class Trainer(Protocol):
    """Builds, trains, saves and runs a model."""

    def assemble(self, backbone: Backbone, head: Head, *, seed: int) -> Model:
        """Return the untrained model; everything random in it is drawn from ``seed``."""
        ...

    def fit(
        self, model: Model, train: Features, dev: Features | None, *, seed: int, resume: Path | None = None
    ) -> Iterator[TrainEvent]:
        """Train the model in place and yield events; an ``"epoch"`` event has the scores of ``dev``.

        Args:
            model: from :meth:`assemble`.
            train: windows with targets.
            dev: windows to score after each epoch, if any.
            seed: for the order of batches and everything else that is random.
            resume: a folder that :meth:`save` wrote just after an ``"epoch"`` event. Training continues from there and
                gives the same model as if it had never stopped.

        Raises:
            TrainingDiverged: if the loss becomes NaN or infinite.
        """
        ...

    def predict(self, model: Model, features: Features) -> SpanScores:
        """Return the scores of all windows, in their order."""
        ...

    def save(self, model: Model, folder: Path, *, state: bool) -> None:
        """Write the model into an empty folder; with ``state``, also write what :meth:`fit` needs to resume."""
        ...

    def load(self, model: Model, folder: Path) -> None:
        """Load the weights that :meth:`save` wrote into the model."""
        ...


class Decoder(Protocol):
    """Turns span scores into answers."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        """Return one prediction per example, row by row. An example without a valid span gets "no answer"."""
        ...


class Metric(Protocol):
    """Scores predictions."""

    def score(self, examples: Examples, predictions: Predictions) -> Mapping[str, Float64]:
        """Return float64[n] for each name: one value per question, as a fraction. The core averages and shows per cent.

        ``exact`` and ``f1`` are the official script's metrics; other metrics must have other names. A metric that is
        only defined for a whole data set returns nothing here and is a :class:`CorpusMetric`.
        """
        ...


class Normaliser(Protocol):
    """Brings answers of a language into the form in which metrics compare them; its name is that of the language."""

    def normalise(self, texts: Sequence[str]) -> Sequence[str]:
        """Return the normal form of each text: its tokens, separated by single blanks; ``""`` if none is left.

        Two texts match exactly if their normal forms are equal; F1 counts the tokens that they share. A form depends on
        its text alone, and is its own normal form.
        """
        ...


class Slicer(Protocol):
    """Divides questions into groups, which reports show under the component's name; see :class:`TitledSlicer`."""

    def masks(self, examples: Examples) -> Mapping[str, Bool]:
        """Return bool[n] for each group's name, in the order to show them. Groups may overlap or be missing."""
        ...


class Reporter(Protocol):
    """Shows or writes the result of a run. One that also shows comparisons is a :class:`ComparisonReporter`."""

    def report(self, result: RunResult, out_dir: Path | None, console: Console) -> None:
        """Report a run.

        Args:
            result: the finished run.
            out_dir: the folder for files; ``None`` means: write none.
            console: where to print.
        """
        ...


class Tracker(Protocol):
    """Logs the events of a run.

    An error in ``start`` ends the run before anything long begins. After that, a tracker that raises an error is
    disabled with a warning, and the run continues.
    """

    def start(self, manifest: Mapping[str, Plain], out_dir: Path) -> None:
        """Called before the first stage, and again, on a new tracker, when the run is resumed in the same folder."""
        ...

    def event(self, event: TrainEvent) -> None:
        """Called for every training event; EM and F1 are included."""
        ...

    def finish(self, result: RunResult) -> None:
        """Called once, after scoring and reporting."""
        ...


PROTOCOLS: Mapping[str, type] = {
    "dataset": Dataset,
    "backbone": Backbone,
    "featurizer": Featurizer,
    "retriever": Retriever,
    "head": Head,
    "trainer": Trainer,
    "runtime": Runtime,
    "exporter": Exporter,
    "launcher": Launcher,
    "decoder": Decoder,
    "metric": Metric,
    "normaliser": Normaliser,
    "slicer": Slicer,
    "reporter": Reporter,
    "tracker": Tracker,
}
"""The protocol of each kind of component. The hook of a kind is ``qatk_<kind>s``."""


def check_kind(kind: str) -> None:
    """Raise :class:`UsageError` where there is no such kind of component."""
    if kind not in PROTOCOLS:
        raise UsageError(f"there is no kind {kind!r}", fix=suggest(kind, PROTOCOLS, f"known: {', '.join(PROTOCOLS)}"))


def required_methods(kind: str) -> list[str]:
    """The methods that a component of a kind must have, in the order of its protocol."""
    return methods_of(PROTOCOLS[kind])


def methods_of(protocol: type) -> list[str]:
    """The methods of a protocol, in their order."""
    members = get_protocol_members(protocol)
    return [name for name, value in vars(protocol).items() if name in members and callable(value)]
