"""Promises of heads: see :class:`qatk.api.Head`. Needs torch; runs on the CPU in a second or so."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from qatk.plugins.model_types import PairLogits, TokenLogits
from qatk.plugins.optional import CheckpointModule
from qatk.testing.inputs.batches import HIDDEN, Problem, learnable, make_problem, only, problems, spec_for, with_padding
from qatk.testing.inputs.randomness import seeded
from qatk.testing.inputs.scores import loss_of, same, same_scores, tensors_of, window_scores
from qatk.testing.promise import Subject, expect, given, promise

_STEPS = 200


def _module(subject: Subject, side: str = "right", seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    module: nn.Module = subject.build().build(spec_for(side))
    expect(isinstance(module, nn.Module), f"build returned {type(module).__name__}, not a torch.nn.Module")
    expect(callable(getattr(module, "loss", None)), f"{type(module).__name__} has no loss(output, batch)")
    return module


def _ready(subject: Subject, side: str = "right") -> nn.Module:
    """A module with small random weights everywhere, so that a layer that begins at zero tells too; no dropout."""
    module = _module(subject, side).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return module


@promise("build returns a torch module with a loss; its scores have the shape of the batch and are not NaN")
def scores_have_the_right_shapes(subject: Subject) -> None:
    """On both sides of padding."""
    for problem in problems():
        with given(problem.name):
            output = _ready(subject, problem.side)(problem.states, problem.batch)
            found, (rows, columns) = tensors_of(output), problem.batch.token_mask.shape
            expect("null" in found, f"{type(output).__name__} has no tensor 'null'")
            null = found["null"]
            expect(null.shape == (rows,), f"null is {list(null.shape)}, not [{rows}]")
            expect(null.isfinite().all(), f"null is {null.tolist()}")
            for name in {"start", "end", "inside", "begin"} & set(found):
                shape = list(found[name].shape)
                expect(shape == [rows, columns], f"{name} is {shape}, not {[rows, columns]}")
                expect(not found[name].isnan().any(), f"{name} has NaN")


@promise("it gives scores of spans, or of tokens if its component says scores=('tokens',)")
def gives_what_it_names(subject: Subject) -> None:
    """A recipe is refused by what components say, where the decoder could not read the scores."""
    named = subject.registered.component.scores
    with given(f"a component with scores={named}"):
        problem = problems()[0]
        output = _ready(subject)(problem.states, problem.batch)
        gives = "tokens" if isinstance(output, TokenLogits) else "spans"
        expect(named == (gives,), f"scores of {gives}")


@promise("padding is scored -inf, and context tokens have finite scores")
def padding_is_masked(subject: Subject) -> None:
    """For heads that score starts and ends, or tokens."""
    for problem in problems():
        with given(problem.name):
            output = _ready(subject, problem.side)(problem.states, problem.batch)
            for name in ("start", "end", "inside"):
                scores = tensors_of(output).get(name)
                if scores is None or scores.shape != problem.batch.token_mask.shape:
                    continue
                padding = scores[~problem.batch.token_mask]
                above = padding[padding > -torch.inf]
                expect(not len(above), f"{name} scores of padding such as {above[:1].tolist()}")
                context = scores[problem.batch.context_mask]
                expect(context.isfinite().all(), f"{name} scores of context tokens such as {context.min():g}")


@promise("scored spans are in the context, none ends before it starts, and every window has one")
def spans_lie_in_the_context(subject: Subject) -> None:
    """For heads that score whole spans."""
    for problem in problems():
        with given(problem.name):
            output = _ready(subject, problem.side)(problem.states, problem.batch)
            if isinstance(output, PairLogits):
                _check_spans(problem, output)


def _check_spans(problem: Problem, output: PairLogits) -> None:
    shapes = [list(column.shape) for column in (output.first, output.last, output.score)]
    expect(shapes[0] == shapes[1] == shapes[2], f"first, last and score are {shapes}")
    expect(shapes[0][:1] == [len(problem.states)] and len(shapes[0]) == 2, f"score is {shapes[0]}, not [B, K]")
    expect(not output.score.isnan().any(), "score has NaN")
    for row, context in enumerate(problem.batch.context_mask):
        kept = output.score[row] > -torch.inf
        first, last = output.first[row][kept].tolist(), output.last[row][kept].tolist()
        spans = list(zip(first, last, strict=True))
        expect(spans, f"window {row} has no span")
        inside = set(context.nonzero().flatten().tolist())
        wrong = [span for span in spans if span[0] > span[1] or not inside.issuperset(span)]
        expect(not wrong, f"the spans {wrong[:3]} of window {row}, whose context has the positions {sorted(inside)}")


@promise("the states of padding do not affect scores or loss")
def padding_states_have_no_influence(subject: Subject) -> None:
    """Encoders leave anything there."""
    for side in ("right", "left"):
        problem = make_problem(side)
        other = with_padding(problem, 100.0)
        with given(other.name):
            _same_scores_and_loss(_ready(subject, side), problem, other, ("with 0 there", "with 100 there"))


@promise("the amount of padding does not affect scores or loss")
def padding_width_has_no_influence(subject: Subject) -> None:
    """A window is scored with whatever others come into its batch."""
    for side in ("right", "left"):
        problem, other = make_problem(side), make_problem(side, extra=7)
        with given(other.name):
            _same_scores_and_loss(_ready(subject, side), problem, other, ("without it", "with it"))


def _same_scores_and_loss(module: nn.Module, problem: Problem, other: Problem, names: tuple[str, str]) -> None:
    one, two = ((p, module(p.states, p.batch)) for p in (problem, other))
    same_scores(one, two, names)
    losses = [{"loss": loss_of(module, output, p)} for p, output in (one, two)]
    same(losses[0], losses[1], names)


@promise("a window gets the same scores alone as in a batch")
def windows_do_not_touch_each_other(subject: Subject) -> None:
    """No normalisation over the batch."""
    for side in ("right", "left"):
        problem = make_problem(side)
        with given(problem.name):
            module = _ready(subject, side)
            together = module(problem.states, problem.batch)
        for row in range(3):
            one = only(problem, row)
            with given(f"{problem.name}, {one.name}"):
                alone = window_scores(one, module(one.states, one.batch), 0)
                same(window_scores(problem, together, row), alone, ("among others", "alone"))


@promise("the loss is finite, and is the mean over the windows of the batch")
def loss_is_a_mean(subject: Subject) -> None:
    """Otherwise parts of a batch, and processes, would not add up to the same step."""
    for problem in problems():
        with given(problem.name):
            module = _ready(subject, problem.side)
            loss = loss_of(module, module(problem.states, problem.batch), problem)
            expect(isinstance(loss, Tensor), f"loss returned {type(loss).__name__}")
            expect(loss.shape == (), f"the loss has the shape {list(loss.shape)}")
            expect(math.isfinite(float(loss)), f"the loss is {float(loss)}")
            parts = [only(problem, row) for row in range(len(problem.states))]
            single = torch.stack([loss_of(module, module(p.states, p.batch), p) for p in parts]).mean()
            same({"loss": loss}, {"loss": single}, ("for the batch", "as the mean over single windows"))


@promise("the loss has a gradient for every parameter and for the states")
def gradients_reach_every_parameter(subject: Subject) -> None:
    """A parameter without one never learns, and stops training on several processes."""
    problem = make_problem("right")
    with given(problem.name):
        module = _ready(subject)
        states = problem.states.clone().requires_grad_()
        torch.autograd.backward(loss_of(module, module(states, problem.batch), problem))
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                expect(parameter.grad is not None, f"no gradient reaches {name}")
                assert parameter.grad is not None
                expect(parameter.grad.isfinite().all(), f"the gradient of {name} is not finite")
                expect(parameter.grad.abs().sum() > 0, f"the gradient of {name} is 0")
        expect(states.grad is not None and states.grad.abs().sum() > 0, "no gradient reaches the states")
        expect(any(p.requires_grad for p in module.parameters()), "there is no trainable parameter")


@promise("weights that are saved and loaded into a new module give equal scores")
def weights_can_be_saved(subject: Subject) -> None:
    """All that the scores depend on is in the state dict."""
    problem = make_problem("right")
    with given(problem.name):
        module = _ready(subject)
        other = _module(subject, seed=9).eval()
        other.load_state_dict(module.state_dict())
        one, two = ((problem, m(problem.states, problem.batch)) for m in (module, other))
        same_scores(one, two, ("when saved", "when loaded"))


@promise("build returns a new module each time, and the same seed gives the same weights")
def builds_are_new(subject: Subject) -> None:
    """Two runs in one process must not share weights."""
    head, built = subject.build(), []
    for seed in (1, 2, 3):
        with seeded(seed):  # whatever else chance is seeded with: the trainer's seed is torch's
            torch.manual_seed(3)
            built.append(head.build(spec_for()))
    one = built[0]
    for two in built[1:]:
        for (name, a), b in zip(one.named_parameters(), two.parameters(), strict=True):
            expect(a is not b, f"two builds share {name}")
            expect(torch.equal(a, b), f"{name} differs although torch.manual_seed was the same")


@promise("outside of training, the same states give the same scores, and inputs are not changed")
def is_deterministic(subject: Subject) -> None:
    """No dropout after eval(), and no state from batch to batch."""
    for side in ("right", "left"):
        problem = make_problem(side)
        with given(problem.name):
            module = _ready(subject, side)
            states, masks = problem.states.clone(), problem.batch.context_mask.clone()
            one, two = ((problem, module(problem.states, problem.batch)) for _ in range(2))
            same_scores(one, two, ("at first", "when asked again"))
            expect(torch.equal(states, problem.states), "the states were changed")
            expect(torch.equal(masks, problem.batch.context_mask), "the context mask was changed")


@promise("scores need no targets")
def targets_are_not_needed(subject: Subject) -> None:
    """There are none in a prediction, and where there are any they must not help."""
    problem = make_problem("right")
    with given(f"{problem.name}, without targets"):
        module = _ready(subject)
        bare = replace(problem.batch, start_target=None, end_target=None)
        one, two = ((problem, module(problem.states, batch)) for batch in (problem.batch, bare))
        same_scores(one, two, ("with targets", "without"))


@promise(f"it learns eight windows whose states mark the answer, in at most {_STEPS} steps of AdamW")
def overfits_eight_windows(subject: Subject) -> None:
    """A head that cannot will not learn anything."""
    for side in ("right", "left"):
        problem = learnable(side)
        with given(f"{problem.name}, padded on the {side}"):
            torch.manual_seed(0)
            module = _module(subject, side).train()
            optimizer = torch.optim.AdamW(module.parameters(), lr=0.05, weight_decay=0.0)
            losses: list[float] = []
            for _ in range(_STEPS):
                loss = loss_of(module, module(problem.states, problem.batch), problem)
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
                losses.append(float(loss.detach()))
                if max(losses[-10:]) < 0.2 * losses[0]:
                    break
            last = min(losses[-10:])
            expect(last < 0.2 * losses[0], f"the loss went from {losses[0]:.4g} to {last:.4g}")


@promise("load_checkpoint loads its own weights; it returns False for foreign ones and changes nothing")
def checkpoints_are_taken_over_whole(subject: Subject) -> None:
    """For modules with load_checkpoint and checkpoint_state."""
    problem, module = make_problem("right"), _ready(subject)
    if load := getattr(module, "load_checkpoint", None):
        with given("the weights of another model's classifier"):
            before = {name: value.clone() for name, value in module.state_dict().items()}
            foreign = {"classifier.weight": torch.zeros(5, HIDDEN), "classifier.bias": torch.zeros(5)}
            expect(load(foreign) is False, "load_checkpoint did not return False")
            after = module.state_dict()
            expect(all(torch.equal(before[name], after[name]) for name in before), "the weights changed")
        if state := getattr(module, "checkpoint_state", None):
            with given("the weights of checkpoint_state"):
                other = _module(subject, seed=9).eval()
                expect(
                    cast(CheckpointModule, other).load_checkpoint(state()) is True,
                    "load_checkpoint did not return True",
                )
                one, two = ((problem, m(problem.states, problem.batch)) for m in (module, other))
                same_scores(one, two, ("before", "after"))
