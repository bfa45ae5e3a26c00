"""The training and prediction engine, on torch and accelerate. Registration only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from qatk.api import AboveZero, Component, Fraction, Incidental, Natural, Options, Positive, hookimpl


class TorchOptions(Options):
    """Options of the ``torch`` trainer."""

    learning_rate: AboveZero = 3e-5
    """Peak learning rate of AdamW."""
    epochs: AboveZero = 2.0
    """Number of passes over the training windows; may be a fraction."""
    max_steps: Positive | None = None
    """Stop after this many optimizer steps, even before ``epochs`` is reached."""
    batch_size: Positive = 16
    """Number of windows in an optimizer step, over all processes and accumulated batches."""
    gradient_accumulation: Positive = 1
    """Number of parts that the batch of a step is split into."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """Weight decay of AdamW; biases and norms have none."""
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the steps in which the learning rate rises linearly; then it follows ``schedule``."""
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """Course of the learning rate after the warm-up: it falls to 0 in a line or in half a wave, or stays."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor by which the learning rate of an encoder layer is below that of the layer above it; the head has the rate
    of the top layer, and embeddings lie below the first one."""
    reinitialise_layers: Natural = 0
    """Number of top encoder layers whose pretrained weights are drawn anew before training."""
    frozen_layers: Natural = 0
    """Number of lowest encoder layers that stay as they are, with the embeddings: a step takes less time and memory."""
    average_decay: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Evaluate and save an exponential moving average of the weights: what it keeps at each step, such as 0.999."""
    average_epochs: Positive | None = None
    """Evaluate and save the mean of the weights at the ends of so many latest epochs; not with ``average_decay``."""
    label_smoothing: Fraction = 0.0
    """Share of the targets of an answer that the tokens next to its start and end get, nearer ones more."""
    marginal: bool = False
    """Learn all places of the window where an annotated answer, or its text, stands, as alternatives, and not only the
    first annotated one."""
    impossible_weight: AboveZero = 1.0
    """Weight of windows without an answer in the losses of start and end, beside the 1 of those with one; the
    verifier of the head ``answerability`` weighs all windows alike."""
    null_from: Literal["all", "both-kinds"] = "all"
    """Which articles teach when there is no answer: with ``both-kinds`` those that have questions with an answer and
    without one. The others teach where an answer stands, and their windows without one nothing."""
    r_drop: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the divergence between two passes through each batch with dropout of their own; above 0, a step takes
    twice the time."""
    adversarial: Annotated[float, Field(ge=0)] = 0.0
    """Distance by which the embeddings of each window move to where the loss is higher, in a second pass that is learnt
    from too; above 0, a step takes more than twice the time. Not with ``compile``."""
    masked_words: Fraction = 0.0
    """Share of the loss that predicting hidden words of the contexts has, as in the pretraining of BERT; the questions
    have the rest. With 1.0 they take no part: a first stage on contexts alone, which trains no head, so set
    ``keep_best: null`` and ``score_epochs: false``. Needs a tokenizer with a mask token."""
    masked_share: Annotated[float, Field(gt=0, le=1)] = 0.15
    """Share of the contexts' words that ``masked_words`` hides: of their tokens four fifths become the mask token, a
    tenth become random ones, a tenth stay."""
    lora_rank: Positive | None = None
    """Leave the encoder's weights as they are and train low-rank changes of its linear layers (LoRA) of this rank, and
    the head; they are merged into the weights that are saved. Needs the package peft: ``qatk[lora]``."""
    lora_alpha: AboveZero = 16.0
    """Weight of these changes, divided by ``lora_rank``."""
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout before these changes."""
    lora_dora: bool = False
    """Train the norms of these layers' weights apart from their directions (DoRA); a step takes longer."""
    lora_targets: Annotated[list[str], Field(min_length=1)] | None = None
    """Ends of the names of the linear layers that are changed, such as ``[query, value]``; by default, all of them."""
    max_grad_norm: AboveZero = 1.0
    """Maximum norm of the gradients; larger ones are clipped."""
    skip_bad_batches: Incidental[bool] = False
    """Leave out a batch whose loss or gradients become NaN or infinite, with a warning; ten in a row stop."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Precision of training and prediction; ``auto`` is bf16 where the hardware multiplies faster in it, else fp32."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device; ``auto`` uses a GPU if there is one."""
    attention: Literal["auto", "padded"] = "auto"
    """``auto`` packs windows without padding if torch's variable-length attention supports it (CUDA, 16 bits, an
    encoder that gives the same states; in training no attention dropout and no ``gradient_checkpointing``); ``padded``
    always pads."""
    gradient_checkpointing: Incidental[bool] = False
    """Keep only the input of each encoder layer and compute the rest again in the backward pass: much less memory for
    activations, and about a third more time. Training pads its windows then."""
    sharding: Incidental[Literal["fsdp2"] | None] = None
    """``fsdp2``: several processes share the weights, gradients and optimizer state of a training, and put each layer
    together as they need it; by default, each has all of them. Not with ``lora_rank`` or
    ``masked_words``."""
    compile: bool = False
    """Compile the encoder by ``torch.compile`` to train, which takes a minute or more at the start. A trained model,
    once it is loaded, answers without."""
    log_every: Incidental[Positive] = 10
    """Number of steps between two ``step`` events."""
    batch_tokens: Positive | None = None
    """Maximum number of tokens in a prediction batch, including padding; ``null`` is 2048 on a CPU, where more only
    costs memory, and 32768 otherwise."""

    @model_validator(mode="after")
    def _one_average(self) -> Self:
        if self.average_decay is not None and self.average_epochs is not None:
            raise ValueError("average_decay and average_epochs are both given; name one")
        return self

    @model_validator(mode="after")
    def _rank_for_lora(self) -> Self:
        if self.lora_rank is None and (
            idle := self._changed("lora_alpha", "lora_dropout", "lora_dora", "lora_targets")
        ):
            raise ValueError(f"{idle[0]} is given without lora_rank; name a rank, such as 8")
        if self.lora_rank is not None and self.reinitialise_layers:
            raise ValueError("reinitialise_layers draws weights that lora_rank does not train; name one")
        if self.lora_rank is not None and self.frozen_layers:
            raise ValueError("lora_rank leaves the weights of all layers as they are; leave out frozen_layers")
        return self

    @model_validator(mode="after")
    def _words_to_hide(self) -> Self:
        if not self.masked_words and self._changed("masked_share"):
            raise ValueError("masked_share is given without masked_words; name its share of the loss, such as 0.5")
        return self

    def _changed(self, *names: str) -> list[str]:
        """Which of these options differ from their defaults."""
        return [name for name in names if getattr(self, name) != type(self).model_fields[name].default]

    @model_validator(mode="after")
    def _embeddings_in_sight(self) -> Self:
        if self.adversarial and self.compile:
            raise ValueError("adversarial moves embeddings, which compile hides in the compiled encoder; name one")
        return self


class DistilOptions(TorchOptions):
    """Options of the ``distil`` trainer: those of ``torch``, and the teachers."""

    teacher: str | Annotated[list[str], Field(min_length=1)]
    """Model to learn from, or a list of them whose probabilities are averaged: a run folder, the folder of a saved or
    exported model, or a question-answering checkpoint of the hub. It may have another tokenizer. What it says of the
    training windows is computed once and stored in the cache folder. A file of best spans of the training questions,
    as ``qatk predict TEACHER TRAIN -k 20`` writes them (``.jsonl``, ``.parquet``), stands for the model that found
    them."""
    temperature: AboveZero = 2.0
    """Divides the scores of teacher and student before they are compared; higher values show more of what the teacher
    thinks of wrong answers."""
    weight: Fraction = 0.5
    """Share of the loss that the teacher has; the gold answers have the rest."""


@hookimpl
def qatk_trainers() -> Iterable[Component]:
    """Training by gold answers, and by trained models."""
    return [
        Component(
            "torch",
            f"{__name__}.pytorch.trainer:TorchTrainer",
            TorchOptions,
            "AdamW on accelerate; bf16, batches of like length",
            formerly=("torch-trainer",),
        ),
        Component(
            "distil",
            f"{__name__}.distil.trainer:DistilTrainer",
            DistilOptions,
            "torch, learning from the scores of trained models too",
        ),
    ]
