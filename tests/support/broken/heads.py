from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from qatk.api import NoOptions
from qatk.plugins.model_types import BackboneSpec, Batch, SpanLogits, TokenLogits


class Spans(nn.Module):
    """Right, and plain; each of the others breaks one thing of it."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.layer = nn.Linear(hidden, 2)

    def forward(self, states: Tensor, batch: Batch) -> Any:
        start, end = self.scores(states, batch).unbind(-1)
        null = batch.null_index[:, None]
        hidden = self.hidden(batch, null)
        return SpanLogits(
            start.masked_fill(hidden, -torch.inf),
            end.masked_fill(hidden, -torch.inf),
            (start.gather(1, null) + end.gather(1, null)).squeeze(1),
        )

    def scores(self, states: Tensor, batch: Batch) -> Tensor:
        return self.layer(states)

    def hidden(self, batch: Batch, null: Tensor) -> Tensor:
        return (~batch.context_mask).scatter(1, null, False)

    def loss(self, output: SpanLogits, batch: Batch) -> Tensor:
        assert batch.start_target is not None
        assert batch.end_target is not None
        return cross_entropy(output.start, batch.start_target) + cross_entropy(output.end, batch.end_target)


class Good:
    """Builds :class:`Spans`."""

    module: type = Spans

    def __init__(self, options: NoOptions) -> None:
        self.options = options

    def build(self, spec: BackboneSpec) -> nn.Module:
        return self.module(spec.hidden_size)


def head(module: type) -> type:
    return type(module.__name__, (Good,), {"module": module, "__doc__": module.__doc__})


@head
class Transposed(Spans):
    """Null scores of another shape."""

    def forward(self, states: Tensor, batch: Batch) -> Any:
        output = super().forward(states, batch)
        return replace(output, null=output.null[:, None])


@head
class Unmasked(Spans):
    """Scores padding."""

    def hidden(self, batch: Batch, null: Tensor) -> Tensor:
        return torch.zeros_like(batch.context_mask)


@head
class OverMasked(Spans):
    """Masks context tokens."""

    def hidden(self, batch: Batch, null: Tensor) -> Tensor:
        hidden = super().hidden(batch, null)
        hidden[:, -3:] = True
        return hidden


@head
class MeanState(Spans):
    """Subtracts the mean state, padding included."""

    def scores(self, states: Tensor, batch: Batch) -> Tensor:
        return self.layer(states - states.mean(1, keepdim=True))


@head
class Positions(Spans):
    """A bias that depends on the place in the padded batch."""

    def scores(self, states: Tensor, batch: Batch) -> Tensor:
        return self.layer(states) + torch.arange(states.shape[1])[:, None] / states.shape[1]


@head
class BatchNormed(Spans):
    """Normalises over the batch."""

    def scores(self, states: Tensor, batch: Batch) -> Tensor:
        real = states[batch.token_mask]
        return self.layer((states - real.mean(0)) / real.std(0))


@head
class ClsFirst(Spans):
    """Takes position 0 for the null position."""

    def forward(self, states: Tensor, batch: Batch) -> Any:
        return super().forward(states, replace(batch, null_index=torch.zeros_like(batch.null_index)))


@head
class Summed(Spans):
    """The sum over the batch as loss."""

    def loss(self, output: SpanLogits, batch: Batch) -> Tensor:
        return super().loss(output, batch) * len(output.null)


@head
class Unused(Spans):
    """A layer that nothing uses."""

    def __init__(self, hidden: int) -> None:
        super().__init__(hidden)
        self.extra = nn.Linear(hidden, 1)


@head
class Hidden(Spans):
    """A tensor of weights outside of the state dict."""

    def __init__(self, hidden: int) -> None:
        super().__init__(hidden)
        self.secret = torch.randn(hidden, 2)

    def scores(self, states: Tensor, batch: Batch) -> Tensor:
        return self.layer(states) + states @ self.secret


class NumpySeeded(Good):
    """Weights from numpy's generator, which the trainer does not seed by torch."""

    def build(self, spec: BackboneSpec) -> nn.Module:
        module = Spans(spec.hidden_size)
        with torch.no_grad():
            module.layer.weight += torch.from_numpy(np.random.normal(size=(2, spec.hidden_size))).float()
        return module


class Shared(Good):
    """One module for all."""

    kept: Any = None

    def build(self, spec: BackboneSpec) -> nn.Module:
        self.kept = self.kept or Spans(spec.hidden_size)
        return self.kept


@head
class Dropping(Spans):
    """Dropout that never ends."""

    def scores(self, states: Tensor, batch: Batch) -> Tensor:
        return self.layer(nn.functional.dropout(states, 0.5, training=True))


@head
class InPlace(Spans):
    """Clears padding in the states it is given."""

    def scores(self, states: Tensor, batch: Batch) -> Tensor:
        if not states.requires_grad:
            states[:, 0] = 0
        return self.layer(states)


@head
class Cheats(Spans):
    """Raises the score of the target."""

    def forward(self, states: Tensor, batch: Batch) -> Any:
        output = super().forward(states, batch)
        if batch.start_target is None:
            return output
        return replace(output, start=output.start.scatter(1, batch.start_target[:, None], 9.0))


@head
class Stubborn(Spans):
    """Learns the wrong way round."""

    def loss(self, output: SpanLogits, batch: Batch) -> Tensor:
        assert batch.end_target is not None
        return super().loss(output, replace(batch, start_target=batch.null_index, end_target=batch.end_target.roll(1)))


@head
class Greedy(Spans):
    """Takes over whatever it is given."""

    def load_checkpoint(self, state: Any) -> bool:
        nn.init.zeros_(self.layer.weight)
        return True


@head
class Loses(Spans):
    """Says that it took its own weights over, and did not."""

    def checkpoint_state(self) -> Any:
        return self.state_dict()

    def load_checkpoint(self, state: Any) -> bool:
        return state.keys() == self.state_dict().keys()


@head
class SwappedEnds(Spans):
    """Gives start scores for end scores, but trains them as they are."""

    def forward(self, states: Tensor, batch: Batch) -> Any:
        output = super().forward(states, batch)
        return replace(output, start=output.end, end=output.start)

    def loss(self, output: SpanLogits, batch: Batch) -> Tensor:
        return super().loss(replace(output, start=output.end, end=output.start), batch)


@head
class NegatedNull(Spans):
    """Null scores of the wrong sign."""

    def forward(self, states: Tensor, batch: Batch) -> Any:
        output = super().forward(states, batch)
        return replace(output, null=-output.null)


@head
class ConstantNull(Spans):
    """Null scores that know nothing."""

    def forward(self, states: Tensor, batch: Batch) -> Any:
        output = super().forward(states, batch)
        return replace(output, null=output.null * 0)


@head
class HalvedNull(Spans):
    """The mean of start and end at the null position, against sums of spans."""

    def forward(self, states: Tensor, batch: Batch) -> Any:
        output = super().forward(states, batch)
        return replace(output, null=output.null / 2)


@head
class UntrainedEnd(Spans):
    """A loss that forgets ends."""

    def loss(self, output: SpanLogits, batch: Batch) -> Tensor:
        assert batch.start_target is not None
        return 2 * cross_entropy(output.start, batch.start_target)


@head
class ScoresQuestions(Spans):
    """Masks padding, and not the question."""

    def hidden(self, batch: Batch, null: Tensor) -> Tensor:
        return ~batch.token_mask


class TagSpans(Spans):
    """Scores of tokens: the start scores, with the end scores as log-odds to begin."""

    def forward(self, states: Tensor, batch: Batch) -> Any:
        output = super().forward(states, batch)
        return TokenLogits(output.null, output.start, output.end)


@head
class Unnamed(TagSpans):
    """Gives scores of tokens, and its component does not say so."""


BROKEN = {
    Unnamed: "gives-what-it-names",
    Transposed: "scores-have-the-right-shapes",
    Unmasked: "padding-is-masked",
    OverMasked: "padding-is-masked",
    MeanState: "padding-states-have-no-influence",
    Positions: "padding-width-has-no-influence",
    BatchNormed: "windows-do-not-touch-each-other",
    ClsFirst: "padding-states-have-no-influence",
    Summed: "loss-is-a-mean",
    Unused: "gradients-reach-every-parameter",
    Hidden: "weights-can-be-saved",
    NumpySeeded: "builds-are-new",
    Shared: "builds-are-new",
    Dropping: "is-deterministic",
    InPlace: "is-deterministic",
    Cheats: "targets-are-not-needed",
    SwappedEnds: "predicts-what-it-learned",
    NegatedNull: "predicts-what-it-learned",
    ConstantNull: "predicts-what-it-learned",
    HalvedNull: "predicts-what-it-learned",
    UntrainedEnd: "predicts-what-it-learned",
    ScoresQuestions: "only-the-context-is-scored",
    Stubborn: "overfits-eight-windows",
    Greedy: "checkpoints-are-taken-over-whole",
    Loses: "checkpoints-are-taken-over-whole",
}
