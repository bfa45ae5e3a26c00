"""Attention over windows laid end to end, without padding: torch's variable-length kernel under transformers' encoders.

The encoder sees one row of all tokens; each window attends to itself only. The head sees what it always does: states
are put back into their padded places. Where the kernel or the encoder does not allow it, batches stay padded.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface

from qatk.api import Batch

NAME = "qatk_varlen"
Kernel = Callable[..., Tensor]
"""Query, key and value [T, heads, width], offsets int32[B + 1], the longest window, scale: states [T, heads, width]."""

TOLERANCE = 0.05
"""How far states may differ from the padded ones in 16 bits, by the norm of the difference."""


@dataclass(frozen=True, eq=False, kw_only=True)
class PackedBatch(Batch):
    """A padded batch that also says where its T tokens lie.

    Attributes:
        places: int64[T], of each token in the padded batch, rows one after the other.
        positions: int64[T], of each token within its window.
        offsets: int32[B + 1], where the windows begin among the tokens.
        longest: tokens of the longest window.
    """

    places: Tensor
    positions: Tensor
    offsets: Tensor
    longest: int


@dataclass(frozen=True)
class _Windows:
    kernel: Kernel
    offsets: Tensor
    longest: int


_windows: ContextVar[_Windows | None] = ContextVar("qatk_windows", default=None)


def kernel_for(device: torch.device, precision: str) -> Kernel | None:
    """Torch's variable-length attention (2.10 and later), which is for CUDA and 16 bits; ``None`` elsewhere."""
    if device.type != "cuda" or precision == "fp32":
        return None
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None

    def kernel(query: Tensor, key: Tensor, value: Tensor, offsets: Tensor, longest: int, scale: float | None) -> Tensor:
        found = varlen_attn(query, key, value, offsets, offsets, longest, longest, scale=scale)
        assert isinstance(found, Tensor)  # a tuple only where more than the states is asked for
        return found

    return kernel


class Packing:
    """Runs one encoder without padding.

    Args:
        encoder: of transformers.
        kernel: what attends.
    """

    def __init__(self, encoder: nn.Module, kernel: Kernel) -> None:
        self.kernel = kernel
        recomputes = any(getattr(module, "gradient_checkpointing", False) for module in encoder.modules())
        self.trains = not recomputes and _attention_dropout(encoder.config) == 0
        self.first_position = _first_position(encoder)
        AttentionInterface.register(NAME, _attend)
        AttentionMaskInterface.register(NAME, _no_mask)

    @property
    def used(self) -> str:
        """What it is used for, in words for the manifest."""
        return "varlen" if self.trains else "padded in training, varlen in prediction"

    def suits(self, batch: Batch, training: bool) -> bool:
        """Whether this batch can go without padding.

        In training it cannot where attention has dropout, which the kernel does not take, nor where the backward pass
        computes activations again: the windows are known only while the forward pass lasts.
        """
        return isinstance(batch, PackedBatch) and (self.trains or not training)

    def states(self, encoder: nn.Module, batch: PackedBatch) -> Tensor:
        """What the encoder says of each token: [B, L, H], zeros at padding."""
        inputs = {name: column.flatten()[batch.places][None] for name, column in batch.inputs.items()}
        inputs["attention_mask"] = None  # type: ignore[assignment]
        inputs["position_ids"] = (batch.positions + self.first_position)[None]
        with self._attending(encoder.config, batch):
            packed = encoder(**inputs).last_hidden_state[0]
        # index_copy has a gradient, and writes each token's state to its place in the padded batch.
        padded = packed.new_zeros(batch.token_mask.numel(), packed.shape[1])
        states: Tensor = padded.index_copy(0, batch.places, packed).view(*batch.token_mask.shape, -1)
        return states

    @contextmanager
    def _attending(self, config: Any, batch: PackedBatch) -> Iterator[None]:
        before = config._attn_implementation
        token = _windows.set(_Windows(self.kernel, batch.offsets, batch.longest))
        config._attn_implementation = NAME
        try:
            yield
        finally:
            config._attn_implementation = before
            _windows.reset(token)


def find_packing(
    encoder: nn.Module, kernel: Kernel | None, probe: PackedBatch, padded: Callable[[Batch], Tensor]
) -> Packing | None:
    """The encoder's packing, if every layer attends by it and the states are those of padded batches.

    Args:
        encoder: on its device, as it predicts.
        kernel: what attends; ``None`` finds none.
        probe: a few windows of different lengths to compare on.
        padded: gives the states of a padded batch.
    """
    takes = inspect.signature(encoder.forward).parameters
    if kernel is None or "position_ids" not in takes or not hasattr(encoder, "config"):
        return None
    calls = 0

    def counting(*arguments: object) -> Tensor:
        nonlocal calls
        calls += 1
        return kernel(*arguments)

    try:
        expected = padded(probe) * probe.token_mask[..., None]
        found = Packing(encoder, counting).states(encoder, probe)
    except (RuntimeError, TypeError, ValueError, KeyError, AttributeError, NotImplementedError):
        return None  # an architecture that does not go through the interface, or a kernel that refuses it
    difference = (found - expected).detach().float().norm() / expected.detach().float().norm()
    if calls != getattr(encoder.config, "num_hidden_layers", None) or not float(difference) < TOLERANCE:
        return None
    return Packing(encoder, kernel)


def _attend(
    module: object, query: Tensor, key: Tensor, value: Tensor, mask: object, **rest: object
) -> tuple[Tensor, None]:
    """An attention function of transformers: [1, heads, T, width] each, to [1, T, heads, width]."""
    windows = _windows.get()
    if windows is None:
        raise RuntimeError("packed attention is for packed batches only")
    if rest.get("sliding_window") is not None:
        raise NotImplementedError("packed attention sees whole windows")
    columns = [column[0].transpose(0, 1).contiguous() for column in (query, key, value)]
    return windows.kernel(*columns, windows.offsets, windows.longest, rest.get("scaling"))[None], None


def _no_mask(*_: object, **__: object) -> None:
    """A mask function of transformers: the offsets say all that a mask would."""


def _attention_dropout(config: Any) -> float:
    known = config.to_dict()
    rates = (known[name] for name in known if "att" in name and ("dropout" in name or name.endswith("pdrop")))
    return max((float(rate) for rate in rates if rate is not None), default=0.0)


def _first_position(encoder: nn.Module) -> int:
    """What an encoder counts positions from: RoBERTa and its kin begin behind the padding row of their table."""
    for name, module in encoder.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding) and module.padding_idx is not None:
            return int(module.padding_idx) + 1
    return 0
