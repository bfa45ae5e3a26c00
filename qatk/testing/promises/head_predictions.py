"""Promises of heads: what they predict, after they learned windows whose states tell the answer. Needs torch."""

from __future__ import annotations

import torch
from torch import nn

from qatk.plugins.optional import CappedAnswers
from qatk.testing.inputs.batches import Problem, contested, problems, spec_for
from qatk.testing.inputs.scores import Output, best_span, loss_of, tensors_of
from qatk.testing.promise import Subject, expect, given, promise, skip

_STEPS = 300
_LEARNED = 0.03
"""The share of the first loss at which a head has learned its windows."""


@promise(
    f"in at most {_STEPS} steps it learns 24 windows: its best spans are the answers, and null wins where there is none"
)
def predicts_what_it_learned(subject: Subject) -> None:
    """All windows have a marked span and a marked null token; which of the two marks is stronger decides."""
    cap = _cap(subject)
    for side in ("right", "left"):
        problem = contested(side)
        with given(problem.name):
            module = _learned(subject, problem, side)
            with torch.no_grad():
                output = module(problem.states, problem.batch)
            for row in range(len(problem.states)):
                with given(f"window {row}"):
                    _check_window(problem, output, row, cap)


def _learned(subject: Subject, problem: Problem, side: str) -> nn.Module:
    torch.manual_seed(0)
    module: nn.Module = subject.build().build(spec_for(side))
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.02, weight_decay=0.0)
    module.train()
    first = torch.inf
    for step in range(_STEPS):
        loss = loss_of(module, module(problem.states, problem.batch), problem)
        if step == 0:
            first = float(loss.detach())
        elif float(loss.detach()) < _LEARNED * first:
            break  # what it predicts now is not going to change
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
    return module.eval()


def _cap(subject: Subject) -> int | None:
    """The longest span in tokens that the head scores, where its options say so."""
    options = subject.options()
    return options.max_answer_length if isinstance(options, CappedAnswers) else None


def _check_window(problem: Problem, output: Output, row: int, cap: int | None) -> None:
    batch = problem.batch
    start, end, _ = batch.targets()
    first, last, score = best_span(problem, output, row)
    null, due = float(output.null[row]), (int(start[row]), int(end[row]))
    if due[0] == int(batch.null_index[row]):
        expect(null > score, f"null scores {null:.4g} and the best span {score:.4g}, but there is no answer")
        return
    if cap is not None and due[1] - due[0] >= cap:
        return  # a longer answer than the head may give: what it says instead is free
    expect((first, last) == due, f"the best span is tokens {first} to {last}, but the answer is {due[0]} to {due[1]}")
    expect(null < score, f"null scores {null:.4g} and the best span {score:.4g}, but there is an answer")


@promise("tokens of the question and special tokens, except the null token, are scored -inf")
def only_the_context_is_scored(subject: Subject) -> None:
    """Where the head has an option ``mask_question``, it may say otherwise."""
    if not getattr(subject.options(), "mask_question", True):
        skip("its option mask_question is false")
    for problem in problems():
        with given(problem.name):
            torch.manual_seed(0)
            module = subject.build().build(spec_for(problem.side)).eval()
            found, batch = tensors_of(module(problem.states, problem.batch)), problem.batch
            closed = ~batch.context_mask.scatter(1, batch.null_index[:, None], True)
            for name in {"start", "end", "inside"} & set(found):
                scored = closed & (found[name] > -torch.inf)
                row, position = scored.nonzero()[0].tolist() if scored.any() else (0, 0)
                expect(
                    not scored.any(), f"{name} scores the token {position} of window {row}, which is not in the context"
                )
