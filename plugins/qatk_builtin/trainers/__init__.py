"""The training and prediction engine, on torch and accelerate. Registration only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from qatk.api import AboveZero, Component, Options, Positive, hookimpl


class TorchOptions(Options):
    """Options of the ``torch`` trainer."""

    learning_rate: AboveZero = 3e-5
    """Peak learning rate of AdamW."""
    epochs: AboveZero = 2.0
    """How often the training windows are seen; may be a fraction."""
    max_steps: Positive | None = None
    """Stop after this many optimizer steps, whatever ``epochs`` says."""
    batch_size: Positive = 16
    """Windows an optimizer step, over all processes and accumulated batches."""
    gradient_accumulation: Positive = 1
    """How many parts a step's batch is split into."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """AdamW's weight decay; biases and norms have none."""
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.1
    """The share of steps over which the learning rate rises, before it falls to 0, both linearly."""
    max_grad_norm: AboveZero = 1.0
    """Gradients are clipped to this norm."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """``auto``: bf16 where the hardware has it, else fp32."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """``auto``: the GPU where there is one."""
    attention: Literal["auto", "padded"] = "auto"
    """``auto``: windows laid end to end, without padding, where torch's variable-length attention fits (CUDA, 16 bits,
    no attention dropout in training, an encoder that gives the same states so); ``padded``: never."""
    log_every: Positive = 10
    """Steps between two ``step`` events."""
    batch_tokens: Positive | None = None
    """Prediction batches hold at most this many tokens, padding included; ``null``: 2048 on a CPU, where more only
    costs memory, else 32768."""


@hookimpl
def qatk_trainers() -> Iterable[Component]:
    """One trainer."""
    return [
        Component(
            "torch",
            f"{__name__}.pytorch.trainer:TorchTrainer",
            TorchOptions,
            "AdamW on accelerate; bf16, batches of like length",
            formerly=("torch-trainer",),
        )
    ]
