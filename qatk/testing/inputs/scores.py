"""What the modules of heads give, made comparable whatever the padding. Imports torch."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import cast

import torch
from torch import Tensor, nn

from qatk.plugins.model_types import PairLogits, SpanLogits, TokenLogits
from qatk.plugins.protocols import SpanModule
from qatk.testing.inputs.batches import Problem
from qatk.testing.promise import expect, given

_TOLERANCE = 1e-4

Output = SpanLogits | PairLogits | TokenLogits
"""What the module of a head gives for a batch."""


def loss_of(module: nn.Module, output: Output, problem: Problem) -> Tensor:
    """The loss that the module of a head has for what it gave."""
    return cast(SpanModule, module).loss(output, problem.batch)


def tensors_of(output: object) -> dict[str, Tensor]:
    """The tensors of a module's output by name, those of nested dataclasses too."""
    found: dict[str, Tensor] = {}
    for column in fields(output) if is_dataclass(output) else ():
        value = getattr(output, column.name)
        if isinstance(value, Tensor):
            found[column.name] = value
        elif is_dataclass(value):
            found |= {f"{column.name}.{name}": tensor for name, tensor in tensors_of(value).items()}
    return found


def window_scores(problem: Problem, output: Output, row: int) -> dict[str, Tensor]:
    """The scores of one window, n tokens: of each token [n], of "no answer" [1], of spans [n, n]; no padding."""
    mask = problem.batch.token_mask
    found = {name: t[row][mask[row]] for name, t in tensors_of(output).items() if t.shape == mask.shape}
    if isinstance(output, PairLogits):
        found["score of spans"] = _span_table(output, mask[row], row)
    return found | {"null": output.null[row : row + 1]}


def best_span(problem: Problem, output: Output, row: int) -> tuple[int, int, float]:
    """The positions of the best span's first and last token in a window's context, and its score."""
    if isinstance(output, PairLogits):
        k = int(output.score[row].argmax())
        return int(output.first[row, k]), int(output.last[row, k]), float(output.score[row, k])
    if isinstance(output, TokenLogits):
        return _best_run(output, row)
    inside = problem.batch.context_mask[row]
    fits = (inside[:, None] & inside[None]).triu()
    table = (output.start[row][:, None] + output.end[row][None]).masked_fill(~fits, -torch.inf)
    first, last = divmod(int(table.argmax()), len(inside))
    return first, last, float(table[first, last])


def _best_run(output: TokenLogits, row: int) -> tuple[int, int, float]:
    """The run of tokens above the null score with the highest mean; the best token alone where none is above."""
    inside = output.inside[row]
    runs: list[list[int]] = []
    for place in (inside > output.null[row]).nonzero().flatten().tolist():
        begins = output.begin is not None and bool(output.begin[row, place] > 0)
        if not runs or runs[-1][-1] != place - 1 or begins:
            runs.append([])
        runs[-1].append(place)
    runs = runs or [[int(inside.argmax())]]
    best = max(runs, key=lambda run: float(inside[run].mean()))
    return best[0], best[-1], float(inside[best].mean())


def _span_table(output: PairLogits, mask: Tensor, row: int) -> Tensor:
    """[n, n]: the score of the span from one token of a window to another, ``-inf`` where there is none."""
    place, kept = mask.cumsum(0) - 1, output.score[row] > -torch.inf
    tokens = int(mask.sum())
    table = output.score.new_full((tokens, tokens), -torch.inf)
    table[place[output.first[row][kept]], place[output.last[row][kept]]] = output.score[row][kept]
    return table


def same_scores(one: tuple[Problem, Output], other: tuple[Problem, Output], names: tuple[str, str]) -> None:
    """Expect the same scores of every window; each comes as its problem and what the module gave."""
    for row in range(len(one[0].states)):
        with given(f"window {row}"):
            same(window_scores(*one, row), window_scores(*other, row), names)


def same(one: dict[str, Tensor], other: dict[str, Tensor], names: tuple[str, str]) -> None:
    """Expect equal tensors, but for rounding; ``names`` say which is which."""
    for name, a in one.items():
        b = other[name]
        expect(a.shape == b.shape, f"{name} is {list(a.shape)} {names[0]}, and {list(b.shape)} {names[1]}")
        close = torch.isclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=False).flatten()
        at = int((~close).int().argmax()) if close.numel() else 0
        seen = [f"{tensor.flatten()[at]:.5g}" for tensor in (a, b)] if close.numel() else ["", ""]
        expect(close.all(), f"{name} is {seen[0]} {names[0]}, and {seen[1]} {names[1]}")
