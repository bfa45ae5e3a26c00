"""Dropout that cuts each random number into four."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from qatk_builtin.trainers.pytorch.dropout import DropoutByFour, draw_by_four

RATE = 0.1


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_the_share_that_is_dropped_is_the_rate_and_the_rest_is_scaled(kind: torch.dtype) -> None:
    torch.manual_seed(1)
    ones = torch.ones(1003, 1001, dtype=kind)
    found = DropoutByFour(RATE)(ones)
    assert found.dtype == kind
    assert found.shape == ones.shape
    # Five standard deviations of the share of a million draws.
    assert (found == 0).float().mean().item() == pytest.approx(RATE, abs=5 * (RATE * (1 - RATE) / 1_004_003) ** 0.5)
    expected = torch.tensor(1 / (1 - RATE), dtype=kind)
    assert torch.allclose(found[found != 0], expected, rtol=1e-4 if kind == torch.float32 else 0)


def test_the_four_parts_of_a_number_are_independent() -> None:
    torch.manual_seed(2)
    dropped = (DropoutByFour(0.5)(torch.ones(250_000, 4)) == 0).float()
    assert torch.corrcoef(dropped.T).fill_diagonal_(0).abs().max() < 0.01  # five standard deviations
    assert (dropped.mean(0) - 0.5).abs().max() < 0.005


def test_the_gradient_is_that_of_what_was_kept() -> None:
    torch.manual_seed(3)
    states = torch.randn(7, 5, requires_grad=True)
    found = DropoutByFour(0.3)(states)
    found.backward(torch.full((7, 5), 2.0))
    assert states.grad is not None
    assert torch.allclose(states.grad * states.detach(), 2 * found.detach())
    assert 0 < (states.grad == 0).sum() < 35


def test_a_seed_draws_the_same_and_each_call_anew() -> None:
    dropout, ones = DropoutByFour(0.5), torch.ones(64)
    torch.manual_seed(4)
    first, second = dropout(ones), dropout(ones)
    torch.manual_seed(4)
    assert torch.equal(dropout(ones), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize(("rate", "left"), [(0.0, 8), (1e-6, 8), (1.0, 0)])
def test_rates_at_the_ends_are_those_of_torch(rate: float, left: int) -> None:
    torch.manual_seed(5)
    assert (DropoutByFour(rate)(torch.ones(8)) != 0).sum() == left


def test_nothing_is_dropped_outside_training() -> None:
    states = torch.randn(3, 3)
    assert DropoutByFour(0.9).eval()(states) is states


def test_the_dropouts_of_a_model_are_replaced_wherever_they_are() -> None:
    class Own(nn.Dropout):
        """Somebody's own kind, which stays."""

    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.2), nn.ModuleList([nn.Sequential(nn.Dropout(0.3)), Own(0.4)]))
    names = list(copy.deepcopy(model).state_dict())
    draw_by_four(model.eval())
    found = [module for module in model.modules() if isinstance(module, nn.Dropout)]
    assert [(type(module), module.p, module.training) for module in found] == [
        (DropoutByFour, 0.2, False),
        (DropoutByFour, 0.3, False),
        (Own, 0.4, False),
    ]
    assert list(model.state_dict()) == names
