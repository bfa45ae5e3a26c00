"""Batches of random states for heads. Imports torch: only the checks of heads load this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from qatk.plugins.model_types import BackboneSpec, Batch

HIDDEN = 32
LENGTHS = (14, 9, 20, 11, 20, 8, 17, 12)
"""Tokens of the eight windows."""
QUESTION = 3
"""Tokens of every question."""


def spec_for(side: str = "right") -> BackboneSpec:
    """A backbone of :data:`HIDDEN` that pads on this side."""
    return BackboneSpec("testing", HIDDEN, 64, side, pad_id=0, null_id=2, has_type_ids=True)


@dataclass(frozen=True, eq=False)
class Problem:
    """States and a batch. Windows are ``[CLS] question [SEP] context [SEP]``; on the left the context comes first.

    Attributes:
        name: how the batch looks.
        side: where its padding is.
        states: float32[B, L, H].
        batch: masks, null positions and targets.
    """

    name: str
    side: str
    states: Tensor
    batch: Batch


def make_problem(
    side: str = "right", *, lengths: Sequence[int] = LENGTHS, extra: int = 0, answers: str = "some", seed: int = 0
) -> Problem:
    """Random states; token t of window b is the same whatever the padding.

    Args:
        side: where the padding is.
        lengths: tokens of each window.
        extra: columns of padding beyond the longest window.
        answers: ``some`` windows have one, ``none``, or ``all``.
        seed: of states and targets.
    """
    generator = torch.Generator().manual_seed(seed)
    size, width = len(lengths), max(lengths) + extra
    states = torch.zeros(size, width, HIDDEN)
    token, context = torch.zeros(size, width, dtype=torch.bool), torch.zeros(size, width, dtype=torch.bool)
    null, start, end = (torch.zeros(size, dtype=torch.int64) for _ in range(3))
    for b, length in enumerate(lengths):
        shift = width - length if side == "left" else 0
        states[b, shift : shift + length] = torch.randn(length, HIDDEN, generator=generator)
        token[b, shift : shift + length] = True
        first, stop = (shift, shift + length - QUESTION - 3) if side == "left" else (QUESTION + 2, length - 1)
        context[b, first:stop] = True
        null[b] = shift + length - 1 if side == "left" else 0
        pair = torch.randint(first, stop, (2,), generator=generator).sort().values
        answerable = answers == "all" or (answers == "some" and b % 3 != 2)
        start[b], end[b] = pair if answerable else (null[b], null[b])
    inputs = {"input_ids": token.long() * 5, "attention_mask": token.long(), "token_type_ids": context.long()}
    name = f"{size} windows of {min(lengths)} to {max(lengths)} tokens, padded on the {side}"
    name += f" with {extra} columns more" if extra else ""
    return Problem(name, side, states, Batch(inputs, context, token, null, start, end))


def only(problem: Problem, row: int) -> Problem:
    """One window of a batch, without any padding."""
    kept = problem.batch.token_mask[row]
    columns = kept.nonzero().squeeze(1)
    shift = int(columns[0])
    batch = problem.batch
    start, end, _ = batch.targets()
    one = slice(row, row + 1)
    alone = replace(
        batch,
        inputs={name: value[one, columns] for name, value in batch.inputs.items()},
        context_mask=batch.context_mask[one, columns],
        token_mask=batch.token_mask[one, columns],
        null_index=batch.null_index[one] - shift,
        start_target=start[one] - shift,
        end_target=end[one] - shift,
        span_target=None if batch.span_target is None else _of_row(batch.span_target, row, shift),
    )
    return Problem(f"window {row} alone", problem.side, problem.states[one, columns], alone)


def _of_row(spans: Tensor, row: int, shift: int) -> Tensor:
    """The spans of one window of a batch, as of the only one, which begins ``shift`` columns further on."""
    return spans[spans[:, 0] == row] - torch.tensor([row, shift, shift])


def several(side: str = "right") -> Problem:
    """Windows of which some have two spans, and the targets name the first."""
    problem = make_problem(side, answers="some", seed=5)
    batch = problem.batch
    _, _, answered = batch.targets()
    rows = []
    for row in answered.nonzero().flatten().tolist():
        places = batch.context_mask[row].nonzero().flatten().tolist()
        rows += [[row, places[0], places[0]], [row, places[-2], places[-1]]][: 1 + (len(places) > 3)]
    spans = torch.tensor(rows)
    start, end = batch.null_index.clone(), batch.null_index.clone()
    for row, first, last in reversed(rows):
        start[row], end[row] = first, last
    targets = replace(batch, start_target=start, end_target=end, span_target=spans)
    return replace(problem, name=f"8 windows, some with two spans, padded on the {side}", batch=targets)


def with_padding(problem: Problem, value: float) -> Problem:
    """The same with this value in all states of padding."""
    states = problem.states.clone()
    states[~problem.batch.token_mask] = value
    return replace(problem, name=f"{problem.name}, {value:g} in the states of padding", states=states)


def learnable(side: str = "right") -> Problem:
    """Eight windows whose states tell the answer: a direction for its start, one for its end, one for none."""
    problem = make_problem(side, seed=7)
    batch, states = problem.batch, problem.states.clone() * 0.5
    start, end, answered = batch.targets()
    rows = torch.arange(len(states))
    _mark_within(states, batch, torch.full((len(states),), 4.0))
    states[rows, start, 0] += 4
    states[rows, end, 1] += 4
    states[rows, batch.null_index, 2] += 4.0 * ~answered
    return replace(problem, name="8 windows whose states mark the answer", states=states)


def _mark_within(states: Tensor, batch: Batch, strength: Tensor) -> None:
    """Mark the tokens between the first and the last of each answer, for heads that look at every token."""
    start, end, _ = batch.targets()
    place = torch.arange(states.shape[1])
    within = (place > start[:, None]) & (place < end[:, None])
    states[..., 3] += strength[:, None] * within


def contested(side: str = "right") -> Problem:
    """24 windows with a marked span and a marked null token each; where the mark of null is stronger, it is due.

    Both marks are strong in some windows and weak in others, so that only a null score on the scale of the spans',
    which rises with the mark, parts them.
    """
    problem = make_problem(side, lengths=LENGTHS * 3, answers="all", seed=11)
    batch, states = problem.batch, problem.states.clone() * 0.2
    start, end, _ = batch.targets()
    rows = torch.arange(len(states))
    span = torch.tensor([6.0, 3, 5, 2, 7, 4, 8, 5]).repeat(3)
    null = torch.tensor([3.0, 5, 2, 5, 9, 1, 5, 7]).repeat(3)
    _mark_within(states, batch, span)
    states[rows, start, 0] += span
    states[rows, end, 1] += span
    states[rows, batch.null_index, 2] += null
    start, end = (torch.where(null > span, batch.null_index, at) for at in (start, end))
    marked = replace(batch, start_target=start, end_target=end)
    name = f"24 windows whose states mark a span and no answer, padded on the {side}"
    return replace(problem, name=name, states=states, batch=marked)


def problems() -> list[Problem]:
    """Both sides of padding, one window, no answers, and a context of one token."""
    return [
        make_problem("right"),
        make_problem("left"),
        make_problem("right", lengths=(12,)),
        replace(make_problem("right", answers="none"), name="8 windows, none with an answer"),
        several("right"),
        several("left"),
        replace(make_problem("left", lengths=(7, 20), answers="all"), name="a context of one token beside a long one"),
    ]
