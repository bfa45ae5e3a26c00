"""Promises of backbones: see :class:`qatk.api.Backbone`. Needs torch and transformers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from qatk.plugins.model_types import BackboneSpec
from qatk.plugins.protocols import Backbone
from qatk.testing.inputs.questions import questions
from qatk.testing.promise import Subject, expect, given, promise

_TEXTS = ["When was the mill built?", "The mill of Arlen was built in 1843 by Ada Lovelace."]


def _prepared(subject: Subject) -> Backbone:
    backbone: Backbone = subject.build()
    backbone.prepare(questions())
    return backbone


def _states(backbone: Backbone, texts: list[str]) -> tuple[Tensor, Tensor]:
    """States [B, L, H] without dropout, and the mask of their tokens."""
    torch.manual_seed(0)
    encoder, spec = backbone.encoder().eval(), backbone.spec()
    batch = backbone.tokenizer()(texts, padding=True, return_tensors="pt")
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if spec.has_type_ids else [])]
    with torch.no_grad():
        output = encoder(**{name: batch[name] for name in names})
    expect(
        hasattr(output, "last_hidden_state"), f"the encoder returned {type(output).__name__} without last_hidden_state"
    )
    return output.last_hidden_state, batch["attention_mask"].bool()


@promise("spec matches the tokenizer: padding, the 'no answer' token, type ids")
def spec_fits_the_tokenizer(subject: Subject) -> None:
    """Windows are made by it."""
    with given("after prepare()"):
        backbone = _prepared(subject)
        spec, tokenizer = backbone.spec(), backbone.tokenizer()
        expect(
            isinstance(spec, BackboneSpec),
            f"spec() returned {type(spec).__name__}, not qatk.api.BackboneSpec",
        )
        expect(getattr(tokenizer, "is_fast", False), f"{type(tokenizer).__name__} is not a fast tokenizer")
        expect(spec.padding_side in ("left", "right"), f"padding_side {spec.padding_side!r}")
        ids = tokenizer(*_TEXTS)["input_ids"]
        expect(spec.null_id in ids, f"null_id {spec.null_id} is not among the ids {ids} of a pair of texts")
        expect(
            0 <= spec.pad_id < len(tokenizer), f"pad_id {spec.pad_id}, but the tokenizer has {len(tokenizer)} tokens"
        )
        expect(spec.max_length > len(ids), f"max_length {spec.max_length}")


@promise("the encoder returns finite states [B, L, hidden_size]")
def states_have_the_right_shape(subject: Subject) -> None:
    """As spec says."""
    with given("two texts"):
        backbone = _prepared(subject)
        states, mask = _states(backbone, _TEXTS)
        due = [*mask.shape, backbone.spec().hidden_size]
        expect(list(states.shape) == due, f"states {list(states.shape)}, not {due}")
        expect(states[mask].isfinite().all(), "states that are not finite")


@promise("padding does not affect the states of other tokens")
def padding_has_no_influence(subject: Subject) -> None:
    """A text alone, and beside a longer one."""
    with given("a text alone, and padded in a batch with a longer one"):
        backbone = _prepared(subject)
        alone, _ = _states(backbone, _TEXTS[:1])
        beside, mask = _states(backbone, _TEXTS)
        far = (alone[0] - beside[0][mask[0]]).abs().max()
        expect(far < 1e-3, f"states differ by up to {far:.3g}")


@promise("weights come from torch's random generator or from files: the same seed gives the same encoder")
def is_deterministic(subject: Subject) -> None:
    """Two backbones of the same options."""
    with given("seed 0, twice"):
        (one, _), (two, _) = (_states(_prepared(subject), _TEXTS) for _ in range(2))
        expect(torch.equal(one, two), "the states differ")


@promise("head_state returns a mapping from names to tensors, possibly empty")
def head_state_is_a_mapping(subject: Subject) -> None:
    """A head may take it over."""
    with given("after encoder()"):
        backbone = _prepared(subject)
        backbone.encoder()
        state = backbone.head_state()
        expect(isinstance(state, Mapping), f"head_state() returned {type(state).__name__}")
        expect(all(isinstance(v, Tensor) for v in state.values()), "values that are not tensors")
