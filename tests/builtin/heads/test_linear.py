from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from qatk.plugins.model_types import BackboneSpec, Batch
from qatk_builtin.heads import LinearOptions
from qatk_builtin.heads.linear import LinearHead, LinearSpans

SPEC = BackboneSpec("made up", 6, 32, "right", 0, 2, True)
NOWHERE = float("-inf")


def head(**options: object) -> LinearSpans:
    torch.manual_seed(1)
    return LinearHead(LinearOptions(**options)).build(SPEC)


def two_windows() -> Batch:
    """``CLS q SEP c c c SEP`` and, shorter by one, ``CLS q SEP c c SEP pad``."""
    context = torch.tensor([[0, 0, 0, 1, 1, 1, 0], [0, 0, 0, 1, 1, 0, 0]]).bool()
    tokens = torch.tensor([[1] * 7, [1] * 6 + [0]]).bool()
    return Batch({}, context, tokens, torch.tensor([0, 0]), torch.tensor([3, 0]), torch.tensor([4, 0]))


def states(seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 7, 6, generator=torch.Generator().manual_seed(seed))


def test_only_the_context_and_the_null_position_are_scored() -> None:
    output = head()(states(), two_windows())
    allowed = torch.tensor([[1, 0, 0, 1, 1, 1, 0], [1, 0, 0, 1, 1, 0, 0]]).bool()
    for scores in (output.start, output.end):
        assert torch.equal(scores > NOWHERE, allowed)
    assert output.null.tolist() == pytest.approx((output.start[:, 0] + output.end[:, 0]).tolist())


def test_without_the_mask_all_but_padding_is_scored() -> None:
    batch = two_windows()
    output = head(mask_question=False)(states(), batch)
    assert torch.equal(output.start > NOWHERE, batch.token_mask)
    assert torch.equal(output.end > NOWHERE, batch.token_mask)


def test_scores_are_the_linear_layer_and_float32_whatever_comes_in() -> None:
    module, batch = head(), two_windows()
    with torch.autocast("cpu", torch.bfloat16):
        output = module(states().bfloat16(), batch)
    assert output.start.dtype == output.end.dtype == output.null.dtype == torch.float32
    exact = module(states(), batch)
    by_hand = states()[0, 3] @ module.layer.weight.T + module.layer.bias
    assert [exact.start[0, 3].item(), exact.end[0, 3].item()] == pytest.approx(by_hand.tolist(), rel=1e-5)


def test_the_loss_by_hand() -> None:
    module, batch = head(), two_windows()
    output = module(states(), batch)
    total = 0.0
    for scores, targets in ((output.start, batch.start_target), (output.end, batch.end_target)):
        assert targets is not None
        for row in range(2):
            candidates = [0, 3, 4, 5] if row == 0 else [0, 3, 4]
            mass = sum(math.exp(scores[row, k].item()) for k in candidates)
            total += math.log(mass) - scores[row, targets[row]].item()
    assert module.loss(output, batch).item() == pytest.approx(total / 4, rel=1e-5)


@pytest.mark.parametrize("mask_question", [True, False])
def test_masked_positions_have_no_influence(mask_question: bool) -> None:
    module, batch = head(mask_question=mask_question), two_windows()
    one, other = states(), states()
    changed = [(0, 1), (0, 2), (0, 6), (1, 5)] if mask_question else []
    for row, column in [*changed, (1, 6)]:
        other[row, column] = 100.0
    a, b = module(one, batch), module(other, batch)
    assert torch.equal(a.start, b.start)
    assert torch.equal(a.null, b.null)
    assert torch.equal(module.loss(a, batch), module.loss(b, batch))


def test_gradients_are_finite_where_scores_are_masked() -> None:
    module, batch = head(), two_windows()
    inputs = states().requires_grad_()
    module.loss(module(inputs, batch), batch).backward()
    assert inputs.grad is not None
    assert inputs.grad.isfinite().all()
    assert not inputs.grad[0, 1:3].any()


def test_windows_without_targets_cannot_be_trained_on() -> None:
    module, batch = head(), replace(two_windows(), start_target=None, end_target=None)
    with pytest.raises(ValueError, match="no targets"):
        module.loss(module(states(), batch), batch)


def test_it_takes_over_a_checkpoints_head_and_gives_it_back() -> None:
    module = head()
    state = {"qa_outputs.weight": torch.randn(2, 6), "qa_outputs.bias": torch.randn(2)}
    assert module.load_checkpoint(state)
    assert torch.equal(module.layer.weight, state["qa_outputs.weight"])
    assert {name: value.tolist() for name, value in module.checkpoint_state().items()} == {
        name: value.tolist() for name, value in state.items()
    }


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"qa_outputs.weight": torch.ones(2, 6)},
        {"qa_outputs.weight": torch.ones(2, 5), "qa_outputs.bias": torch.ones(2)},
        {"qa_outputs.weight": torch.ones(3, 6), "qa_outputs.bias": torch.ones(3)},
        {"qa_outputs.weight": torch.ones(2, 6), "qa_outputs.bias": torch.ones(2), "dense.weight": torch.ones(6, 6)},
    ],
)
def test_another_head_is_left_alone(state: dict[str, torch.Tensor]) -> None:
    module = head()
    before = module.layer.weight.clone()
    assert not module.load_checkpoint(state)
    assert torch.equal(module.layer.weight, before)


def test_dropout_acts_in_training_only() -> None:
    module, batch = head(dropout=0.5), two_windows()
    assert not torch.equal(module(states(), batch).start, module(states(), batch).start)
    module.eval()
    assert torch.equal(module(states(), batch).start, module(states(), batch).start)
