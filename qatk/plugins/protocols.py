"""What a component of each kind must be able to do. Checked after loading, not inherited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from qatk.plugins.model_types import BackboneSpec, Batch, PairLogits, SpanLogits
from qatk.results.run import RunResult
from qatk.types import Examples, Features, Predictions, SpanScores, TrainEvent

if TYPE_CHECKING:
    from rich.console import Console
    from torch import Tensor, nn

    from qatk.types import Bool, Float64


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

    def tokenizer(self) -> Any:
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

    They are cached from run to run, found by the arguments, the options and the sources. A featurizer whose windows
    follow from anything else (a file, chance), or that changes the tokenizer, says ``cacheable = False`` in its class.
    """

    def featurize(self, examples: Examples, tokenizer: Any, spec: BackboneSpec, *, targets: bool) -> Features:
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

    def loss(self, output: Any, batch: Batch) -> Tensor:
        """Mean loss over the batch, a scalar."""
        ...


class Head(Protocol):
    """Encoder states to span scores."""

    def build(self, spec: BackboneSpec) -> nn.Module:
        """A new :class:`SpanModule`, freshly initialised.

        It may also have ``load_checkpoint(state) -> bool`` (take over the weights of ``Backbone.head_state``) and
        ``checkpoint_state() -> dict`` (its weights under the names of ``AutoModelForQuestionAnswering``).
        """
        ...


class Trainer(Protocol):
    """Builds, trains, saves and runs a model. The model is its own affair: the core only passes it on."""

    def assemble(self, backbone: Backbone, head: Head, *, seed: int) -> Any:
        """The untrained model; everything random in it comes from ``seed``."""
        ...

    def fit(
        self, model: Any, train: Features, dev: Features | None, *, seed: int, resume: Path | None = None
    ) -> Iterator[TrainEvent]:
        """Train in place, yielding events; an ``"epoch"`` event carries the scores of ``dev``.

        ``resume`` is a folder that :meth:`save` wrote when an ``"epoch"`` event had just been yielded: training
        goes on from there as if it had never stopped. Raises :class:`TrainingDiverged`.
        """
        ...

    def predict(self, model: Any, features: Features) -> SpanScores:
        """Scores of every window, in the order of the windows."""
        ...

    def save(self, model: Any, folder: Path, *, state: bool) -> None:
        """Write the model into an empty folder; with ``state`` also what :meth:`fit` needs to resume."""
        ...

    def load(self, model: Any, folder: Path) -> None:
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

        A metric that exists for a whole set only may return nothing here and have
        ``corpus(examples, predictions) -> dict[str, float]`` beside it.
        """
        ...


class Slicer(Protocol):
    """Groups of questions.

    One that its options make another slicer may have a ``title`` for reports; the others go by the component's name.
    """

    def masks(self, examples: Examples) -> Mapping[str, Bool]:
        """bool[n] for each group's name, in the order to show them. Groups may overlap; none is none to show."""
        ...


class Reporter(Protocol):
    """Shows or writes a result.

    One that can show a comparison too has ``compare(comparison, file, console, *, show)`` beside it: what ``qatk
    compare`` found, the file to write (``None``: print to the console), and how many examples of each sort to show.
    """

    def report(self, result: RunResult, out_dir: Path | None, console: Console) -> None:
        """Report; files go into ``out_dir`` (``None``: write none)."""
        ...


class Tracker(Protocol):
    """Follows a run. What it raises is warned of, and switches it off; the run goes on."""

    def start(self, manifest: Mapping[str, Any], out_dir: Path) -> None:
        """Called once, before the first stage."""
        ...

    def event(self, event: TrainEvent) -> None:
        """Called for every training event, EM/F1 included."""
        ...

    def finish(self, result: RunResult) -> None:
        """Called once, after scoring."""
        ...
