"""The heads beside ``linear``: their scores by hand, and through a trainer."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from head_cases import HEADS, PAIRS, head
from qatk.plugins.model_types import Batch, PairLogits
from qatk.testing import check_component
from qatk.testing.inputs.batches import Problem, make_problem, spec_for, with_padding
from qatk_builtin.heads import LinearOptions
from qatk_builtin.heads.biaffine import ahead, banded_products
from qatk_builtin.heads.layers import masked_log_softmax
from qatk_builtin.heads.linear import LinearHead


def module(name: str, side: str = "right", **options: Any) -> Any:
    """Without dropout, and with weights so large that the scores of spans are far apart."""
    torch.manual_seed(1)
    built = head(name, **{"width": 8, **options}).build(spec_for(side)).eval()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return built


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("conditional", {"starts": 1, "ends": 1, "dropout": 0.1}),
        ("conditional", {"starts": 400, "ends": 400, "answerability_loss": 2.0}),
        ("biaffine", {"max_answer_length": 2, "candidates": 3}),
        ("biaffine", {"max_answer_length": 500, "candidates": 1000}),
        ("answerability", {"weight": 0.0, "mask_question": False}),
    ],
)
def test_heads_keep_their_promises_whatever_the_options(name: str, options: dict[str, Any]) -> None:
    check_component("head", HEADS[name][0], HEADS[name][1](**options))


def spans_of(output: PairLogits, row: int) -> dict[tuple[int, int], float]:
    columns = (output.first[row].tolist(), output.last[row].tolist(), output.score[row].tolist())
    return {(first, last): score for first, last, score in zip(*columns, strict=True) if score > -math.inf}


@pytest.mark.parametrize("side", ["right", "left"])
def test_conditional_gives_each_span_its_probability(side: str) -> None:
    problem = make_problem(side, extra=3)
    output = module("conditional", side, starts=100, ends=100)(problem.states, problem.batch)
    for row in range(len(problem.states)):
        spans = spans_of(output, row)
        inside = problem.batch.context_mask[row].nonzero().flatten().tolist()
        assert set(spans) == {(i, j) for i in inside for j in inside if i <= j}
        total = sum(math.exp(score) for score in spans.values()) + math.exp(output.null[row].item())
        assert total == pytest.approx(1, abs=1e-4)


def test_conditional_by_hand() -> None:
    problem, built = make_problem(), module("conditional", starts=3, ends=2)
    output = built(problem.states, problem.batch)
    row, states = 2, problem.states[2]
    inside = problem.batch.context_mask[row].nonzero().flatten().tolist()
    start = built.start(states).squeeze(-1)[inside].log_softmax(0)
    spans = spans_of(output, row)
    firsts = [inside[k] for k in start.topk(3).indices.tolist()]
    assert {first for first, _ in spans} == set(firsts)
    first = firsts[0]
    later = [k for k in inside if k >= first]
    hidden = torch.nn.functional.gelu(built.beside(states[later]) + built.begun(states[first]))
    end = built.end(hidden).squeeze(-1).log_softmax(0)
    yes = torch.nn.functional.logsigmoid(-output.unanswerable[row]).item()
    for k in end.topk(2).indices.tolist():
        due = yes + start[inside.index(first)].item() + end[k].item()
        assert spans[first, later[k]] == pytest.approx(due, rel=1e-4)
    assert output.null[row].item() == pytest.approx(math.log(1 - math.exp(yes)), rel=1e-4)


def test_conditional_trains_on_the_gold_start() -> None:
    problem, built = make_problem(), module("conditional", starts=100, ends=100, answerability_loss=0.7)
    batch = problem.batch
    output = built(problem.states, batch)
    total = 0.0
    for row in range(len(problem.states)):
        yes = torch.nn.functional.logsigmoid(-output.unanswerable[row]).item()
        gold = int(batch.start_target[row]), int(batch.end_target[row])  # type: ignore[index]
        if gold[0] == batch.null_index[row]:
            total -= 0.7 * output.null[row].item()
        else:
            total -= (spans_of(output, row)[gold] - yes) / 2 + 0.7 * yes
    assert built.loss(output, batch).item() == pytest.approx(total / len(problem.states), rel=1e-4)


def test_masked_log_softmax_has_finite_gradients_where_nothing_is_open() -> None:
    scores = torch.randn(2, 4, requires_grad=True)
    found = masked_log_softmax(scores, torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0]]).bool())
    assert found[1].tolist() == [-math.inf] * 4
    assert found[0].exp().sum().item() == pytest.approx(1)
    found[0, 0].backward()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()


@pytest.mark.parametrize("length", [1, 3, 7, 12, 13])
@pytest.mark.parametrize("reach", [1, 2, 5, 12])
def test_banded_products_are_those_of_the_square(length: int, reach: int) -> None:
    left, right = torch.randn(2, 2, length, 4)
    square = torch.nn.functional.pad(left @ right.transpose(1, 2), (0, reach))
    due = torch.stack([square[:, i, i : i + reach] for i in range(length)], 1)
    assert torch.allclose(banded_products(left, right, reach), due, atol=1e-5)


def test_ahead_looks_at_what_follows() -> None:
    assert ahead(torch.tensor([[1, 2, 3]]), 2).tolist() == [[[1, 2], [2, 3], [3, 0]]]


def biaffine_by_hand(built: Any, problem: Problem, row: int, longest: int) -> dict[tuple[int, int], float]:
    states = problem.states[row]
    start, end = built.edges(states).unbind(-1)
    left = built.form(torch.nn.functional.gelu(built.as_start(states)))
    right = torch.nn.functional.gelu(built.as_end(states))
    inside = problem.batch.context_mask[row].nonzero().flatten().tolist()
    pairs = [(i, j) for i in inside for j in inside if i <= j < i + longest]
    return {(i, j): (start[i] + end[j] + left[i] @ right[j]).item() for i, j in pairs}


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize(("longest", "candidates"), [(4, 1000), (30, 7)])
def test_biaffine_by_hand(side: str, longest: int, candidates: int) -> None:
    problem = make_problem(side)
    built = module("biaffine", side, max_answer_length=longest, candidates=candidates)
    output = built(problem.states, problem.batch)
    total = 0.0
    for row in range(len(problem.states)):
        every = biaffine_by_hand(built, problem, row, longest)
        best = dict(sorted(every.items(), key=lambda item: -item[1])[:candidates])
        assert spans_of(output, row) == pytest.approx(best, rel=1e-4, abs=1e-4)
        null = output.null[row].item()
        mass = math.log(sum(map(math.exp, [*every.values(), null])))
        gold = int(problem.batch.start_target[row]), int(problem.batch.end_target[row])  # type: ignore[index]
        if gold[0] == problem.batch.null_index[row]:
            total += mass - null
        elif gold in every:
            total += mass - every[gold]
    assert built.loss(output, problem.batch).item() == pytest.approx(total / len(problem.states), rel=1e-4)


def test_biaffine_learns_nothing_from_answers_that_are_too_long() -> None:
    problem = make_problem(lengths=(20,), answers="all")
    context = problem.batch.context_mask[0].nonzero().flatten()
    batch = replace(problem.batch, start_target=context[:1], end_target=context[4:5])
    built = module("biaffine", max_answer_length=4)
    states = problem.states.clone().requires_grad_()
    loss = built.loss(built(states, batch), batch)
    loss.backward()
    assert loss.item() == 0
    assert states.grad is not None
    assert not states.grad.any()


class Largest(TorchDispatchMode):
    """Notes the most elements that any tensor had."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **kwargs or {})
        for value in found if isinstance(found, tuple | list) else [found]:
            if isinstance(value, torch.Tensor):
                self.numbers = max(self.numbers, value.numel())
        return found


@pytest.mark.parametrize("name", PAIRS)
def test_memory_is_linear_in_the_length(name: str) -> None:
    most = []
    for length in (200, 400):
        problem = make_problem(lengths=(length, length))
        with Largest() as largest:
            output = module(name)(problem.states, problem.batch)
            module(name).loss(output, problem.batch).backward()
        most.append(largest.numbers)
    assert most[1] < 2.2 * most[0]
    assert most[1] < 2 * 400 * 400


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("side", ["right", "left"])
def test_padding_has_no_influence_on_spans(name: str, side: str) -> None:
    built, problem = module(name, side), make_problem(side)
    due = built(problem.states, problem.batch)
    for other in (with_padding(problem, 100.0), make_problem(side, extra=9)):
        found = built(other.states, other.batch)
        shift = other.states.shape[1] - problem.states.shape[1] if side == "left" else 0
        for row in range(len(problem.states)):
            moved = {(i + shift, j + shift): score for (i, j), score in spans_of(due, row).items()}
            assert spans_of(found, row) == pytest.approx(moved, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("name", PAIRS)
def test_only_the_context_and_the_null_position_have_influence_on_pairs(name: str) -> None:
    built, problem = module(name), make_problem()
    states, batch = problem.states.clone(), problem.batch
    open_places = batch.context_mask.scatter(1, batch.null_index[:, None], True)
    states[~open_places] = 7.0
    one, other = built(problem.states, batch), built(states, batch)
    assert torch.allclose(one.null, other.null, atol=1e-5)
    assert torch.allclose(one.score, other.score, atol=1e-5)
    assert torch.allclose(built.loss(one, batch), built.loss(other, batch))


@pytest.mark.parametrize("name", PAIRS)
def test_no_spans_are_made_in_training(name: str) -> None:
    problem = make_problem()
    assert module(name).train()(problem.states, problem.batch).score.shape == (8, 0)


def test_answerability_is_linear_with_a_verifier() -> None:
    problem = make_problem()
    built = module("answerability", weight=0.5, answerability_loss=0.25)
    plain = LinearHead(LinearOptions()).build(spec_for())
    plain.load_state_dict(built.spans.state_dict())
    due, found = (m(problem.states, problem.batch) for m in (plain, built))
    assert torch.equal(due.start, found.start)
    assert torch.equal(due.end, found.end)
    assert torch.allclose(found.null, due.null + 0.5 * found.unanswerable)
    wanted = (problem.batch.start_target == problem.batch.null_index).float()
    verdict = torch.nn.functional.binary_cross_entropy_with_logits(found.unanswerable, wanted)
    loss = plain.loss(due, problem.batch) + 0.25 * verdict
    assert built.loss(found, problem.batch).item() == pytest.approx(loss.item(), rel=1e-5)


@pytest.mark.parametrize("name", HEADS)
def test_windows_without_targets_cannot_be_trained_on(name: str) -> None:
    problem, built = make_problem(), module(name)
    batch = replace(problem.batch, start_target=None, end_target=None)
    with pytest.raises(ValueError, match="no targets"):
        built.loss(built(problem.states, batch), batch)


@pytest.mark.parametrize("name", HEADS)
def test_bf16_is_near_and_comes_out_as_float32(name: str) -> None:
    problem, built = make_problem(), module(name)
    exact = built(problem.states, problem.batch)
    with torch.autocast("cpu", torch.bfloat16):
        rough = built(problem.states.bfloat16(), problem.batch)
    assert rough.null.dtype == torch.float32
    assert torch.allclose(rough.null, exact.null, atol=0.3)
    if isinstance(rough, PairLogits):
        assert rough.score.dtype == torch.float32
        assert torch.allclose(rough.score[:, 0], exact.score[:, 0], atol=0.5)
    loss = built.loss(rough, problem.batch)
    assert loss.item() == pytest.approx(built.loss(exact, problem.batch).item(), abs=0.2)
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in built.parameters())


def test_batches_with_an_empty_context_are_all_null() -> None:
    problem = make_problem(lengths=(14, 9), answers="none")
    batch: Batch = replace(problem.batch, context_mask=problem.batch.context_mask & (torch.arange(2) == 0)[:, None])
    for name in HEADS:
        built = module(name)
        output = built(problem.states, batch)
        assert output.null.isfinite().all()
        loss = built.loss(output, batch)
        loss.backward()
        assert loss.isfinite()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in built.parameters())
        if isinstance(output, PairLogits):
            assert spans_of(output, 1) == {}
