"""The heads for answers of several spans: their losses by hand, and their promises whatever the options."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from qatk.api import Batch
from qatk.testing.inputs.batches import make_problem, several, spec_for
from qatk_builtin.heads import SpanSetOptions, TaggerOptions
from qatk_builtin.heads.span_set import SpanSetHead
from qatk_builtin.heads.tagger import TaggerHead, tags_of


def batch(spans: list[list[int]] | None, start: list[int], end: list[int]) -> Batch:
    """Two windows: CLS, three tokens of context, SEP."""
    context = torch.tensor([[False, True, True, True, False]] * 2)
    ones = torch.ones(2, 5, dtype=torch.bool)
    targets = torch.tensor(start), torch.tensor(end)
    held = None if spans is None else torch.tensor(spans).reshape(-1, 3)
    return Batch({}, context, ones, torch.zeros(2, dtype=torch.int64), *targets, span_target=held)


def test_tags_are_those_of_all_spans() -> None:
    given = batch([[0, 1, 1], [0, 2, 3]], [1, 0], [1, 0])
    assert tags_of(given).tolist() == [[0, 1, 1, 2, 0], [0, 0, 0, 0, 0]]
    single = batch(None, [0, 1], [0, 3])
    assert tags_of(single).tolist() == [[0, 0, 0, 0, 0], [0, 1, 2, 2, 0]]
    with pytest.raises(ValueError, match="no targets"):
        replace(single, start_target=None, end_target=None).spans()


def log_softmax(scores: list[float], which: int) -> float:
    return scores[which] - math.log(sum(map(math.exp, scores)))


def test_the_loss_of_tags_by_hand() -> None:
    """Weights of the layer are chosen so that a state [a, b, c] has the scores a (null), b (start) and c (inside)."""
    module = TaggerHead(TaggerOptions(start_weight=3.0, inside_weight=2.0)).build(replace(spec_for(), hidden_size=3))
    with torch.no_grad():
        module.layer.weight.copy_(torch.eye(3))
        module.layer.bias.zero_()
    states = torch.arange(30).reshape(2, 5, 3).float() / 10
    given = batch([[0, 1, 2]], [1, 0], [2, 0])
    output = module(states, given)
    expected = []
    for row, tags in ((0, [1, 2, 0]), (1, [0, 0, 0])):
        null, weights = states[row, 0, 0].item(), [[1.0, 3.0, 2.0][tag] for tag in tags]
        scores = [[null, *states[row, 1 + k, 1:].tolist()] for k in range(3)]
        losses = [-log_softmax(of, tag) * w for of, tag, w in zip(scores, tags, weights, strict=True)]
        expected.append(sum(losses) / sum(weights))
    assert module.loss(output, given).item() == pytest.approx(np.mean(expected), rel=1e-5)
    assert output.null.tolist() == pytest.approx([0.0, 1.5])
    assert output.begin is not None
    assert output.begin[0, 1].item() == pytest.approx(-0.1, rel=1e-4)
    assert output.inside[0, 1].item() == pytest.approx(math.log(math.exp(0.4) + math.exp(0.5)))
    assert output.inside[0, 0] == -math.inf


def test_io_has_one_score_a_token() -> None:
    module = TaggerHead(TaggerOptions(tags="io", start_weight=1.0, inside_weight=1.0)).build(spec_for())
    problem = several()
    output = module(problem.states, problem.batch)
    assert output.begin is None
    due, inside = tags_of(problem.batch) > 0, problem.batch.context_mask
    odds = torch.where(inside, output.inside - output.null[:, None], 0)
    each = torch.nn.functional.binary_cross_entropy_with_logits(odds, due.float(), reduction="none")
    expected = ((each * inside).sum(1) / inside.sum(1)).mean()
    assert module.loss(output, problem.batch).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("reach", [2, 30])
def test_the_loss_of_sets_of_spans_by_hand(reach: int) -> None:
    torch.manual_seed(0)
    module = SpanSetHead(SpanSetOptions(width=8, max_answer_length=reach)).build(spec_for()).eval()
    problem = several()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        output = module(problem.states, problem.batch)
    spans = list(zip(*(column.tolist() for column in problem.batch.spans()), strict=True))
    expected = []
    for row in range(len(problem.states)):
        due = {(first, last) for at, first, last in spans if at == row}
        inside, null = problem.batch.context_mask[row].nonzero().flatten().tolist(), output.null[row].item()
        table = {
            (i, i + k): output.table[row, i, k].item() - null for i in inside for k in range(output.table.shape[2])
        }
        odds = {span: value for span, value in table.items() if value > -math.inf}
        wrong = 1 + sum(math.exp(value) for span, value in odds.items() if span not in due)
        right = 1 + sum(math.exp(-value) for span, value in odds.items() if span in due)
        expected.append(0.0 if due and not due & set(odds) else math.log(wrong) + math.log(right))
    assert module.loss(output, problem.batch).item() == pytest.approx(np.mean(expected), rel=1e-4)


def test_with_one_answer_or_none_a_batch_needs_no_column_of_spans() -> None:
    problem = make_problem()
    row, first, last = problem.batch.spans()
    assert problem.batch.start_target is not None
    assert problem.batch.end_target is not None
    held = torch.stack([row, first, last], 1)
    for head in (TaggerHead(TaggerOptions()), SpanSetHead(SpanSetOptions(width=8))):
        module = head.build(spec_for()).eval()
        output = module(problem.states, problem.batch)
        losses = [module.loss(output, replace(problem.batch, span_target=spans)) for spans in (None, held)]
        assert torch.equal(*losses)
