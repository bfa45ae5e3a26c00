"""What a component of each kind must be able to do; :mod:`qatk.plugins.optional` says what it may do besides.

Protocols are checked after loading, not inherited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from typing_extensions import get_protocol_members

from qatk.plugins.model_types import BackboneSpec, Batch, PairLogits, SpanLogits
from qatk.results.run import RunResult
from qatk.types import Examples, Features, Predictions, SpanScores, TrainEvent

if TYPE_CHECKING:
    from rich.console import Console
    from torch import Tensor, nn
    from transformers import PreTrainedTokenizerFast

    from qatk.types import Bool, Float64

Tokenizer: TypeAlias = "PreTrainedTokenizerFast"
"""A fast tokenizer of ``transformers``, which the core itself never imports."""
Model: TypeAlias = Any
"""A trainer's model: the trainer's own affair, which the core only passes on."""
Logits: TypeAlias = Any
"""What a span module's forward gives: :class:`SpanLogits` or :class:`PairLogits`, or a subclass for its own loss."""
Plain: TypeAlias = object
"""A value that JSON can hold; who reads one checks what it is."""


class Dataset(Protocol):
    """A source of examples."""

    def load(self) -> Examples:
        """Read everything. Raises :class:`DataError` or :class:`UsageError` with the place of the mistake."""
        ...


class Backbone(Protocol):
    """A tokenizer and an encoder. Methods are called in this order, each at most once a run."""

    def prepare(self, train: Examples | None) -> None:
        """Called first, with the training examples; most backbones have nothing to do."""
        ...

    def spec(self) -> BackboneSpec:
        """What the other parts must know; must not load weights."""
        ...

    def tokenizer(self) -> Tokenizer:
        """A fast tokenizer of ``transformers``. Raises :class:`ModelError` where there is none."""
        ...

    def encoder(self) -> nn.Module:
        """The module with pretrained weights; its forward returns ``last_hidden_state`` [B, L, H]."""
        ...

    def head_state(self) -> Mapping[str, Tensor]:
        """Weights of the checkpoint beside the encoder's, under the checkpoint's names; may be empty."""
        ...


class Featurizer(Protocol):
    """Examples to windows of tokens.

    Windows are cached from run to run, found by the arguments, the options and the sources; see
    :class:`FeaturizerCaching`.
    """

    def featurize(self, examples: Examples, tokenizer: Tokenizer, spec: BackboneSpec, *, targets: bool) -> Features:
        """Make the windows.

        With ``targets`` they are for training: they carry targets, and options that thin out windows apply.
        Without, every example that has tokens gets windows which together cover its whole context; targets are
        still given where gold is known, so that losses on dev windows can be shown.
        """
        ...


class SpanModule(Protocol):
    """The ``nn.Module`` that a head builds."""

    def __call__(self, states: Tensor, batch: Batch) -> SpanLogits | PairLogits:
        """Score encoder states [B, L, H]."""
        ...

    def loss(self, output: Logits, batch: Batch) -> Tensor:
        """Mean loss over the batch, a scalar."""
        ...


class Head(Protocol):
    """Encoder states to span scores."""

    def build(self, spec: BackboneSpec) -> nn.Module:
        """A new :class:`SpanModule`, freshly initialised; it may be a :class:`CheckpointModule` too."""
        ...


class Trainer(Protocol):
    """Builds, trains, saves and runs a model. The model is its own affair: the core only passes it on."""

    def assemble(self, backbone: Backbone, head: Head, *, seed: int) -> Model:
        """The untrained model; everything random in it comes from ``seed``."""
        ...

    def fit(
        self, model: Model, train: Features, dev: Features | None, *, seed: int, resume: Path | None = None
    ) -> Iterator[TrainEvent]:
        """Train in place, yielding events; an ``"epoch"`` event carries the scores of ``dev``.

        ``resume`` is a folder that :meth:`save` wrote when an ``"epoch"`` event had just been yielded: training
        goes on from there as if it had never stopped. Raises :class:`TrainingDiverged`.
        """
        ...

    def predict(self, model: Model, features: Features) -> SpanScores:
        """Scores of every window, in the order of the windows."""
        ...

    def save(self, model: Model, folder: Path, *, state: bool) -> None:
        """Write the model into an empty folder; with ``state`` also what :meth:`fit` needs to resume."""
        ...

    def load(self, model: Model, folder: Path) -> None:
        """Take over the weights that :meth:`save` wrote."""
        ...


class Decoder(Protocol):
    """Span scores to answers."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        """One prediction an example, row by row. An example without any valid span gets "no answer"."""
        ...


class Metric(Protocol):
    """Judges predictions."""

    def score(self, examples: Examples, predictions: Predictions) -> Mapping[str, Float64]:
        """One value a question and name, as fractions: float64[n]; the core averages and shows per cent.

        ``exact`` and ``f1`` mean those of the official script, so that other metrics need names of their own.
        A metric that exists for a whole set only returns nothing here and is a :class:`CorpusMetric`.
        """
        ...


class Slicer(Protocol):
    """Groups of questions; see :class:`TitledSlicer` for one that reports should not show by the component's name."""

    def masks(self, examples: Examples) -> Mapping[str, Bool]:
        """bool[n] for each group's name, in the order to show them. Groups may overlap; none is none to show."""
        ...


class Reporter(Protocol):
    """Shows or writes a result; one that can show a comparison too is a :class:`ComparisonReporter`."""

    def report(self, result: RunResult, out_dir: Path | None, console: Console) -> None:
        """Report; files go into ``out_dir`` (``None``: write none)."""
        ...


class Tracker(Protocol):
    """Follows a run. What it raises is warned of, and switches it off; the run goes on."""

    def start(self, manifest: Mapping[str, Plain], out_dir: Path) -> None:
        """Called once, before the first stage."""
        ...

    def event(self, event: TrainEvent) -> None:
        """Called for every training event, EM/F1 included."""
        ...

    def finish(self, result: RunResult) -> None:
        """Called once, after scoring."""
        ...


PROTOCOLS: Mapping[str, type] = {
    "dataset": Dataset,
    "backbone": Backbone,
    "featurizer": Featurizer,
    "head": Head,
    "trainer": Trainer,
    "decoder": Decoder,
    "metric": Metric,
    "slicer": Slicer,
    "reporter": Reporter,
    "tracker": Tracker,
}
"""The kinds of component, each with its protocol. The hook of a kind is ``qatk_<kind>s``."""


def required_methods(kind: str) -> list[str]:
    """The methods that a component of a kind must have, in the order of its protocol."""
    return methods_of(PROTOCOLS[kind])


def methods_of(protocol: type) -> list[str]:
    """The methods of a protocol, in their order."""
    members = get_protocol_members(protocol)
    return [name for name, value in vars(protocol).items() if name in members and callable(value)]
