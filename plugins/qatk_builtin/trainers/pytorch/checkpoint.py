"""A model on disk, and what training needs beside it to go on."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import torch
import transformers
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import MODEL_FOR_QUESTION_ANSWERING_MAPPING, PretrainedConfig, PreTrainedModel
from typing_extensions import NotRequired, TypedDict

from qatk.api import HEAD_WEIGHTS, CheckpointModule, ModelError, StorageError
from qatk.files import first_line
from qatk_builtin.trainers.pytorch.adapters import encoder_state
from qatk_builtin.trainers.pytorch.model import QAModel

WEIGHTS, TRAINING = "model.safetensors", "training.pt"


class Interrupted(TypedDict):
    """What training needs beside its model to go on, as it is saved: tensors, numbers, strings and containers."""

    optimizer: dict[str, object]
    scaler: dict[str, object]
    step: int
    objects: NotRequired[Mapping[str, Mapping[str, object]]]
    course: NotRequired[dict[str, object]]
    raw: NotRequired[dict[str, Tensor]]


def save_model(model: QAModel, folder: Path) -> None:
    """Write weights, tokenizer, and the configuration where the encoder has one.

    A question-answering class of transformers loads the folder where the head can be written as that class's own (it
    has ``checkpoint_state``, and names and shapes fit, every one). Otherwise the head lies beside the encoder's weights
    in ``head.safetensors``: qatk's own form, of which ``AutoModel`` loads the encoder.

    Raises:
        StorageError: a file could not be written.
    """
    found = _as_question_answering(model)
    with _explained(folder):
        weights = encoder_state(model) if found is None else found[1]
        save_file(_portable(weights), folder / WEIGHTS, metadata={"format": "pt"})
        if found is None:
            save_file(_portable(model.head.state_dict()), folder / HEAD_WEIGHTS)
        if (config := _config(model.encoder)) is not None:
            config.architectures = [(type(model.encoder) if found is None else found[0]).__name__]
            config.save_pretrained(folder)
        model.tokenizer.save_pretrained(folder)


def saved_form(model: QAModel) -> str:
    """The class of transformers that loads all that :func:`save_model` writes; ``qatk`` where only qatk does."""
    found = _as_question_answering(model)
    return "qatk" if found is None else found[0].__name__


def load_model(model: QAModel, folder: Path) -> None:
    """Take over the weights that :func:`save_model` wrote.

    Raises:
        ModelError: they are not there, broken, or of another model.
    """
    try:
        state = load_file(folder / WEIGHTS)
        head_state = load_file(folder / HEAD_WEIGHTS) if (folder / HEAD_WEIGHTS).exists() else None
    except (OSError, SafetensorError) as error:
        raise ModelError(f"the weights cannot be read: {error}", where=str(folder)) from error
    try:
        if head_state is not None:
            model.encoder.load_state_dict(state)
            model.head.load_state_dict(head_state)
        else:
            _load_question_answering(model, state)
    except RuntimeError as error:
        first, *more = [line.strip() for line in str(error).splitlines()[1:]] or [str(error)]
        said = f"{first}{f' (and {len(more)} more)' if more else ''}"
        fix = "take the weights of the model that the recipe describes"
        raise ModelError(f"the weights are of another model: {said}", where=str(folder), fix=fix) from error


def take_over(head: nn.Module, state: Mapping[str, Tensor]) -> bool:
    """Give a head the weights beside a checkpoint's encoder; False, and nothing done, where they are of another."""
    if {n: v.shape for n, v in state.items()} == {n: v.shape for n, v in head.state_dict().items()}:
        head.load_state_dict(state)
        return True
    load = getattr(head, "load_checkpoint", None)
    return load is not None and bool(load(state))


def save_training(folder: Path, state: Interrupted) -> None:
    """Write the state of an interrupted training beside its model. Raises :class:`StorageError`."""
    with _explained(folder):
        torch.save(state, folder / TRAINING)


def load_training(folder: Path) -> Interrupted:
    """What :func:`save_training` wrote. Raises :class:`ModelError` where it is missing, damaged or something else."""
    if not (folder / TRAINING).exists():
        raise ModelError(f"there is no {TRAINING} to resume from", where=str(folder))
    try:
        state = torch.load(folder / TRAINING, map_location="cpu", weights_only=True)  # runs no program
        if not (
            isinstance(state, dict) and isinstance(state.get("step"), int) and {"optimizer", "scaler"} <= set(state)
        ):
            raise ValueError("it holds something else")
    except Exception as error:  # of damaged bytes the unpickler raises almost anything
        raise ModelError(
            f"the state of training cannot be read: {first_line(error)}",
            where=str(folder / TRAINING),
            fix="remove the run folder's checkpoints and train from the start",
        ) from error
    return cast(Interrupted, state)


def _config(encoder: nn.Module) -> PretrainedConfig | None:
    """A copy of the configuration, for answering questions; ``None`` of an encoder that is not from transformers."""
    config = getattr(encoder, "config", None)
    if not isinstance(config, PretrainedConfig):
        return None
    config = copy.deepcopy(config)
    config.num_labels = 2
    return config


def _qa_classes(config: PretrainedConfig) -> list[type[PreTrainedModel]]:
    """The classes that a model may be saved as: that of ``AutoModelForQuestionAnswering``, then that it came from."""
    by_name = (getattr(transformers, name, None) for name in config.architectures or () if "QuestionAnswering" in name)
    usual = cast("type[PreTrainedModel] | None", MODEL_FOR_QUESTION_ANSWERING_MAPPING.get(type(config), None))
    return [found for found in (usual, *by_name) if found is not None]


def _as_question_answering(model: QAModel) -> tuple[type[PreTrainedModel], dict[str, Tensor]] | None:
    """A class of transformers with all weights under its names; ``None`` where no class's names and shapes fit."""
    if (config := _config(model.encoder)) is None or not hasattr(model.head, "checkpoint_state"):
        return None
    inner, outer = encoder_state(model), dict(cast(CheckpointModule, model.head).checkpoint_state())
    for qa_class in _qa_classes(config):
        weights = {f"{qa_class.base_model_prefix}.{name}": value for name, value in inner.items()} | outer
        if {n: v.shape for n, v in weights.items()} == _form(qa_class, config):
            return qa_class, weights
    return None


def _form(qa_class: type[PreTrainedModel], config: PretrainedConfig) -> Mapping[str, torch.Size]:
    """Names and shapes of the class's weights with this configuration, found out once in a process."""
    key = qa_class, config.to_json_string(use_diff=False)
    if key not in _FORMS:
        with torch.device("meta"):
            theirs = qa_class(copy.deepcopy(config)).state_dict()
        _FORMS[key] = {n: v.shape for n, v in theirs.items()}
    return _FORMS[key]


_FORMS: dict[tuple[type[PreTrainedModel], str], Mapping[str, torch.Size]] = {}


def _load_question_answering(model: QAModel, state: dict[str, Tensor]) -> None:
    config = _config(model.encoder)
    prefixes = set() if config is None else {qa_class.base_model_prefix for qa_class in _qa_classes(config)}
    prefix = next((f"{name}." for name in prefixes if any(key.startswith(f"{name}.") for key in state)), "")
    inner = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    model.encoder.load_state_dict(inner)
    rest = {name: value for name, value in state.items() if not name.startswith(prefix)}
    if not take_over(model.head, rest):
        raise RuntimeError(
            f"no head of the kind {type(model.head).__name__} among {', '.join(rest) or 'no other weights'}"
        )


def _portable(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU: safetensors takes neither shared nor strided storage."""
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in state.items()}


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:  # torch.save raises RuntimeError on a full disk
        raise StorageError(f"the model cannot be written: {error}", where=str(folder)) from error
