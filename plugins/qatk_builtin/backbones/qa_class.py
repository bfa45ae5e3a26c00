"""The question-answering class of transformers that a checkpoint is of, and the layers that it has on top."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open
from torch import Tensor, nn
from transformers import MODEL_FOR_QUESTION_ANSWERING_MAPPING, AutoModel, AutoModelForQuestionAnswering

from qatk_builtin.backbones.kinds import bare_class, has_encoder_alone, looks_back

_INIT_STD = 0.02  # as BERT initialises its own layers
_ONE_LAYER = {"qa_outputs.weight", "qa_outputs.bias"}


def factory_for(config: Any, *, code: bool) -> Any:
    """What loads a checkpoint with all that it has beside the encoder.

    The class that the configuration names, where it answers questions: an architecture may have several (XLNet, XLM).
    Of an encoder-decoder it is the encoder alone, and a model that looks back only has no head.
    Else ``AutoModelForQuestionAnswering`` where it knows the architecture, else ``AutoModel``. With ``code``, classes
    that come with the model count.
    """
    if has_encoder_alone(config) or looks_back(config):
        return bare_class(config)
    remote = (getattr(config, "auto_map", None) or {}) if code else {}
    if "AutoModelForQuestionAnswering" in remote:
        return AutoModelForQuestionAnswering
    for name in getattr(config, "architectures", None) or ():
        named = getattr(transformers, name, None) if "QuestionAnswering" in name else None
        if getattr(named, "config_class", None) is type(config):
            return named
    return AutoModelForQuestionAnswering if type(config) in MODEL_FOR_QUESTION_ANSWERING_MAPPING else AutoModel


def head_of(model: nn.Module, absent: Collection[str], unexpected: Collection[str], folder: Path) -> dict[str, Tensor]:
    """What a question-answering checkpoint holds beside its encoder, under its names; empty of other checkpoints.

    What the class has no place for is among it (but for pooled states, which no answer needs): where nothing takes it
    over, the model is not the published one.

    Args:
        model: with the checkpoint's weights.
        absent: names of the model that the checkpoint lacks, or has in another shape.
        unexpected: names of the checkpoint that the model lacks.
        folder: of the checkpoint.
    """
    config: Any = model.config
    named = getattr(config, "architectures", None) or ()
    head = {name: value.detach() for name, value in beside_encoder(model).items() if name not in absent}
    if not (any("QuestionAnswering" in name for name in named) if named else head):
        return {}
    prefix = f"{model.base_model_prefix}."
    left = {name for name in unexpected if not name.startswith(prefix) and "pooler" not in name}
    return head | _read(folder, left)


def _read(folder: Path, names: Collection[str]) -> dict[str, Tensor]:
    found = {}
    for file in sorted(folder.glob("model*.safetensors")) if names else ():
        with safe_open(file, framework="pt") as weights:
            found.update({name: weights.get_tensor(name).clone() for name in weights.keys() if name in names})  # noqa: SIM118
    return found


def span_layers(config: Any) -> Callable[[], nn.Module] | None:
    """Makes the layers between states and start and end scores, where they are more than one linear layer.

    They are those of the class that ``AutoModelForQuestionAnswering`` takes, one after the other, untrained.
    ``None`` also where what they are fed is not the states alone.
    """
    qa_class: Any = MODEL_FOR_QUESTION_ANSWERING_MAPPING.get(type(config), None)
    if qa_class is None:
        return None
    with torch.device("meta"):
        model = qa_class(config)
        if model.base_model is model or beside_encoder(model).keys() == _ONE_LAYER or not _scores(model, config):
            return None

    def make() -> nn.Module:
        layers = copy.deepcopy(_layers(model)).to_empty(device="cpu")
        for layer in layers.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=_INIT_STD)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
            elif callable(reset := getattr(layer, "reset_parameters", None)):
                reset()
        return layers

    return make


def beside_encoder(model: nn.Module) -> dict[str, Tensor]:
    """The weights and buffers of a model that are not its encoder's, by name."""
    inner: Any = model.base_model
    mine = {id(value) for value in inner.state_dict(keep_vars=True).values()}
    return {name: value for name, value in model.state_dict(keep_vars=True).items() if id(value) not in mine}


def _layers(model: nn.Module) -> nn.Sequential:
    """The children beside the encoder, under their names, up to the last that has weights."""
    children = [(name, child) for name, child in model.named_children() if child is not model.base_model]
    while children and not any(True for _ in children[-1][1].parameters()):
        children.pop()
    layers = nn.Sequential()
    for name, child in children:
        layers.add_module(name, child)
    return layers


def _scores(model: nn.Module, config: Any) -> bool:
    """Whether the layers make [1, 3, 2] out of states [1, 3, H]."""
    try:
        made = _layers(model)(torch.zeros(1, 3, config.hidden_size, device="meta"))
    except (TypeError, RuntimeError, ValueError, AttributeError, IndexError):
        return False
    return isinstance(made, Tensor) and made.shape == (1, 3, 2)
