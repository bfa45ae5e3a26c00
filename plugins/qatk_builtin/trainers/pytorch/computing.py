"""How an encoder computes: options that change time and memory, and nothing of what comes out but its rounding."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import cast

from torch import nn
from transformers import PreTrainedModel

from qatk.api import Batch, UsageError
from qatk_builtin.trainers import TorchOptions


def set_recomputing(encoder: nn.Module, options: TorchOptions) -> None:
    """Let an encoder recompute activations in the backward pass, where the options ask for that.

    Raises:
        UsageError: the encoder cannot.
    """
    if options.gradient_checkpointing:
        if not (isinstance(encoder, PreTrainedModel) and encoder.supports_gradient_checkpointing):
            what = f"{type(encoder).__name__} cannot recompute its activations"
            fix = "leave it out; a larger gradient_accumulation saves memory too"
            raise UsageError(what, where="trainer.gradient_checkpointing", fix=fix)
        encoder.config.use_cache = False  # of a decoder, for generating; transformers warns of it otherwise
        old = encoder.gradient_checkpointing_enable  # the name that transformers 5.0 has
        getattr(encoder, "activation_checkpointing_enable", old)({"use_reentrant": False})
        # For reentrant recomputing alone: gradients would go to frozen layers.
        cast(Callable[[], None], encoder.disable_input_require_grads)()


def scores_of_a_layer(encoder: nn.Module, batch: Batch) -> int:
    """How many scores the attention of a layer has for a batch, one of each head for each pair of tokens."""
    heads = getattr(getattr(encoder, "config", None), "num_attention_heads", None)
    windows, length = batch.token_mask.shape
    return (heads if isinstance(heads, int) else 1) * windows * length**2


def check_compiler(options: TorchOptions, device: str) -> None:
    """Raise :class:`UsageError` where the options ask to compile for a device, such as ``cpu``, without a compiler."""
    compiler = os.environ.get("CXX", "g++")
    if options.compile and device == "cpu" and shutil.which(compiler) is None:
        what = f"torch.compile needs a C++ compiler, and there is no {compiler}"
        raise UsageError(what, where="trainer.compile", fix="install one, name one in CXX, or leave compile out")
