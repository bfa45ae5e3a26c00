"""The ``torch`` trainer: assembles, trains (by the sibling ``loop``), predicts, saves and loads, on accelerate."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import set_seed
from torch import Tensor, nn

from qatk.api import (
    Backbone,
    Batch,
    Examples,
    Features,
    Head,
    PairLogits,
    QatkWarning,
    SpanLogits,
    SpanScores,
    TokenLogits,
    TrainEvent,
    UsageError,
    advance,
    pause_requested,
)
from qatk.types import Int64, batches_by_length
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.adapters import adapted, trained_parameters
from qatk_builtin.trainers.pytorch.batches import make_batch, probe_batch
from qatk_builtin.trainers.pytorch.checkpoint import load_model, save_model, saved_form, take_over
from qatk_builtin.trainers.pytorch.computing import check_compiler, set_recomputing
from qatk_builtin.trainers.pytorch.depth import draw_anew, frozen
from qatk_builtin.trainers.pytorch.device import Engine, settings_of
from qatk_builtin.trainers.pytorch.dropout import draw_by_four
from qatk_builtin.trainers.pytorch.hooks import TrainingHooks
from qatk_builtin.trainers.pytorch.loop import Loop, Paused
from qatk_builtin.trainers.pytorch.memory import in_halves
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.objective import Objective, changes_spans, objective_of
from qatk_builtin.trainers.pytorch.packing import find_packing, kernel_for
from qatk_builtin.trainers.pytorch.prefetch import prepared
from qatk_builtin.trainers.pytorch.scores import Collected
from qatk_builtin.trainers.pytorch.sharding import Shards, shards_of, whole
from qatk_builtin.trainers.pytorch.state import load_weights

STRETCH = 1 << 13
"""Windows of a prediction among which those of like length are put together; mapped columns are read and written in
one place at a time, and their memory is given back after each stretch."""


class TorchTrainer(TrainingHooks):
    """AdamW with linear warm-up and decay, clipping, mixed precision, batches of like length, several processes.

    Several processes (``accelerate launch``, ``torchrun``) each run everything; they share the windows of each step
    and of each prediction, and all end with the same weights and scores. To train in another way, override hooks of
    :class:`TrainingHooks` in a subclass.
    """

    pauses = True
    _loop: Loop | None = None
    _splits = 1
    """The parts that each part of a batch was split into for want of memory, in the last training."""
    _objective: Objective | None = None
    _examples: Examples | None = None

    def __init__(self, options: TorchOptions) -> None:
        super().__init__(options)
        self._sharding = settings_of(options)
        if self._sharding is not None and self._sharding.activation_checkpointing:
            self.options = options.model_copy(update={"gradient_checkpointing": True})

    @cached_property
    def engine(self) -> Engine:
        """Device, precision and the other processes."""
        return Engine(self.options)

    @cached_property
    def reads_late(self) -> bool:
        """Whether to prepare batches in another thread and to read losses only when an event is due, as a GPU wants."""
        return self.engine.device.type == "cuda"

    def assemble(self, backbone: Backbone, head: Head, *, seed: int) -> QAModel:
        """The model with the checkpoint's weights; the head's too, where head and checkpoint fit."""
        set_seed(seed)
        spec = backbone.spec()
        encoder: Any = backbone.encoder()
        module = head.build(spec)
        state = backbone.head_state()
        taken_over = bool(state) and take_over(module, state)
        if state and not taken_over:
            held = f"{', '.join(list(state)[:4])}{f' and {len(state) - 4} more' if len(state) > 4 else ''}"
            what = f"{type(module).__name__} cannot take over the head of {spec.name} ({held})"
            warnings.warn(f"{what}: it starts untrained", QatkWarning, stacklevel=2)
        model = QAModel(encoder, module, backbone.tokenizer(), spec).to(self.engine.device)
        set_recomputing(encoder, self.options)
        if self.engine.device.type == "cpu" and not self.options.compile:  # compiled draws are fast
            draw_by_four(model)
        untrained = "untrained" if list(module.parameters()) else "without weights"
        model.head_begins = "checkpoint" if taken_over else untrained
        kernel = kernel_for(self.engine.device, self.engine.precision)
        if self.options.attention == "auto" and kernel is not None and not self.options.adversarial:
            model.eval()
            with torch.inference_mode(), self.engine.autocast():
                probe = probe_batch(encoder.get_input_embeddings().num_embeddings, spec, self.engine.device)
                model.packing = find_packing(encoder, kernel, probe, model.padded_states)
        return model

    def describe(self, model: QAModel) -> dict[str, object]:
        """Device, precision, size, and whether the head began untrained, for the manifest."""
        fewer = self.options.lora_rank or self.options.frozen_layers
        return {
            "device": self.engine.name,
            "precision": self.engine.precision,
            "processes": self.engine.accelerator.num_processes,
            "threads": torch.get_num_threads(),
            "attention": "padded" if model.packing is None else model.packing.used,
            "parameters": sum(p.numel() for p in model.parameters()),
            "head": model.head_begins,
            "saved_as": saved_form(model),
            **({"sharding": "fsdp2"} if self._sharding is not None and self.engine.several else {}),
            **({"trained_parameters": trained_parameters(model, self.options)} if fewer else {}),
            **({} if self._splits == 1 else {"parts_of_a_batch": self._splits * self.options.gradient_accumulation}),
        }

    def fit(
        self, model: QAModel, train: Features, dev: Features | None, *, seed: int, resume: Path | None = None
    ) -> Iterator[TrainEvent]:
        """Train in place; see :class:`qatk.api.Trainer`.

        Training that resumes after any event gives the same weights on a CPU, bit for bit, as training that never
        stopped, with the same number of processes; with another number it goes on from the same weights and windows.
        """
        self.check_training(model, train)
        if dev is not None and not self.learns_answers and model.head_begins == "untrained":
            what = "masked_words: 1.0 trains no head, so figures on dev mean nothing, nor does the epoch kept by them"
            warnings.warn(f"{what}: set keep_best: null and score_epochs: false", QatkWarning, stacklevel=2)
        due = train.start_target
        if self.learns_gold and due is not None and len(due) and (due == train.null_index).all():
            what = "no window of the training data has an answer: the model learns to give none"
            warnings.warn(f"{what}; of contexts alone, masked_words: 1.0 learns", QatkWarning, stacklevel=2)
        if self.options.compile:
            model.encoder.compile(dynamic=True)  # in place: names of weights stay, and copies are not compiled
        if self.options.reinitialise_layers and resume is None:
            set_seed(seed)
            draw_anew(model, self.options.reinitialise_layers)
        self._objective = objective_of(self.options, self.engine.autocast, self._examples, train, seed)
        trained = frozen(model, self.options), adapted(model, self.options, seed)
        with trained[0], trained[1], self.engine.together(), self._objective.hiding(model):
            saved = None if resume is None else (load_weights(model, resume), resume)
            network = self._cut(model)
            with self._objective.begun(network):
                self._loop = Loop(
                    self, self.engine, self.predict, network, train, dev, seed=seed, late=self.reads_late, resume=saved
                )
                yield from self._loop.events()
            if (shards := shards_of(model)) is not None:
                shards.end()
            self._splits = self._loop.state.course.splits
            self._loop = self._average = None  # and with them the optimizer's state, and all other weights

    def take_examples(self, examples: Examples) -> None:
        """Keep the training examples; see :class:`qatk.api.ExamplesTrainer`."""
        self._examples = examples

    def on_batch(self, batch: Batch, rows: Int64) -> Batch:
        """See :class:`TrainingHooks`."""
        return super().on_batch(self._objective.on_batch(batch, rows, self.epoch), rows) if self._objective else batch

    def loss(self, model: QAModel, output: SpanLogits | PairLogits | TokenLogits, batch: Batch) -> Tensor:
        """See :class:`TrainingHooks` and :class:`Objective`."""
        return (
            super().loss(model, output, batch)
            if self._objective is None
            else self._objective.loss(model, output, batch)
        )

    @property
    def learns_answers(self) -> bool:
        """Whether anything of the loss is about answers."""
        return self.learns_gold

    @property
    def learns_gold(self) -> bool:
        """Whether those of the data are all that it learns of answers."""
        return self.options.masked_words < 1

    @property
    def needs_span_scores(self) -> list[str]:
        """The options in use that need a head with scores of starts and ends."""
        return [*changes_spans(self.options), *(["r_drop"] if self.options.r_drop else [])]

    def check_training(self, model: QAModel, train: Features) -> None:
        """Raise :class:`UsageError` where an option in use needs another head, or a compiler that is not there."""
        check_compiler(self.options, self.engine.device.type)
        needed = self.needs_span_scores
        if needed and len(train) and self.predict(model, train.take(np.zeros(1, np.int64))).start is None:
            what = f"{needed[0]} needs a head that scores starts and ends; this one scores whole spans, or tags tokens"
            raise UsageError(what, where="head", fix=f"use the head linear or answerability, or leave out {needed[0]}")

    def predict(self, model: QAModel, features: Features) -> SpanScores:
        """Scores of every window, in the order of the windows; see :class:`qatk.api.Trainer`."""
        if (shards := shards_of(model)) is None:
            with torch.inference_mode():
                return self._scores(model, features)
        with torch.no_grad():  # what comes together in inference mode is of no use to a later backward pass
            return self._scores(shards.network, features)

    def _scores(self, model: QAModel, features: Features) -> SpanScores:
        engine, accelerator = self.engine, self.engine.accelerator
        model.eval()
        collected = Collected(features, engine)
        forward = engine.autocast()(model)
        budget = self.options.batch_tokens or (2048 if engine.device.type == "cpu" else 32768)
        for first in range(0, len(features), STRETCH):
            lengths = np.diff(features.token_offsets[first : first + STRETCH + 1])
            batches = batches_by_length(lengths, budget)
            done = first
            mine = [first + rows for rows in batches[accelerator.process_index :: accelerator.num_processes]]
            own = len(mine)
            if model.shards is not None and own * accelerator.num_processes < len(batches):
                mine.append(first + batches[0])  # all processes take part in each pass; another one scores it
            make = partial(
                make_batch, features, spec=model.spec, device=engine.device, packing=model.packing is not None
            )
            for number, (rows, batch) in enumerate(prepared(mine, make, threaded=self.reads_late)):
                for part in [(rows, batch, forward(batch))] if model.shards else in_halves(forward, make, rows, batch):
                    if number < own:
                        collected.add(*part)
                done = min(done + len(rows) * accelerator.num_processes, len(features))
                advance("predicting", done, len(features))
                if self._breaks_off(number, len(batches)):
                    raise Paused
            features.release()
            collected.end_stretch()
        with engine.together():
            return collected.scores()

    def _cut(self, model: QAModel) -> QAModel:
        """What to train: of a model that several processes share, a twin with this process's part of the weights."""
        if (shards := shards_of(model)) is not None:  # of a training that was broken off
            shards.end()
        if self._sharding is None or not self.engine.several:
            return model
        return Shards(model, self._sharding, self.engine.device, compiled=self.options.compile).network

    def _breaks_off(self, number: int, batches: int) -> bool:
        """Whether to pause after this process's batch of an evaluation, of so many that all processes share.

        Several processes ask each other after every fourth batch that all of them have, so that all break off there.
        """
        if self._loop is None or not self._loop.evaluating:
            return False
        processes = self.engine.accelerator.num_processes
        if processes > 1 and (number % 4 or number >= batches // processes):
            return False
        return self.engine.any(pause_requested())

    def module(self, model: QAModel) -> nn.Module:
        """A copy for exporters, with padding and in float32 on the CPU; see :class:`qatk.api.ModuleTrainer`."""
        with whole(model) as found:
            packing, found.packing = found.packing, None
            try:
                return copy.deepcopy(found).float().cpu().eval()
            finally:
                found.packing = packing

    def save(self, model: QAModel, folder: Path, *, state: bool) -> None:
        """Write the model; with ``state``, right after an event of :meth:`fit`, also what that resumes from.

        Every process writes, each into the folder it is given; where weights are cut, the first one alone writes the
        state, and may save by itself after an event. Raises :class:`StorageError`.
        """
        with self.engine.together(), whole(model) as found:
            save_model(found, folder)
        if state:
            if self._loop is None or not self._loop.watched:
                raise RuntimeError("there is a state to save only right after an event of fit")
            with self.engine.together():
                self._loop.state.save(folder)

    def load(self, model: QAModel, folder: Path) -> None:
        """Take over the weights that :meth:`save` wrote. Raises :class:`ModelError` where they do not fit."""
        load_model(model, folder)
