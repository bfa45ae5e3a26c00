"""How deep each weight lies in an encoder: what rates by layer, frozen layers and layers drawn anew go by."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from qatk.api import QatkWarning, UsageError
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.model import QAModel

_BY_DEPTH = "layer_decay, frozen_layers, reinitialise_layers or lora_rank"


def layers_of(encoder: nn.Module) -> list[nn.Module]:
    """The layers of an encoder from the first to the last: the outermost lists of modules, one after the other.

    Lists of one length side by side are parts of the same layers (XLM). The layers of a decoder follow those of its
    encoder (BART). An encoder that uses one layer again and again (ALBERT) has one.

    Raises:
        UsageError: the encoder has no list of modules.
    """
    if found := [layer for _, layers in _stacks(encoder) for layer in layers]:
        return found
    what = f"{type(encoder).__name__} keeps its layers in no list, so that nobody knows which are deep"
    raise UsageError(what, where="trainer", fix=f"leave out {_BY_DEPTH}, whichever is given")


def _stacks(module: nn.Module) -> Iterator[tuple[nn.Module, list[nn.Module]]]:
    """The modules that keep layers in lists, each with its layers; lists of embeddings are none."""
    children = [child for name, child in module.named_children() if "emb" not in name]
    lists = [_flat(child) for child in children if isinstance(child, nn.ModuleList) and len(child)]
    if lists:
        heaviest = max(lists, key=lambda layers: sum(p.numel() for layer in layers for p in layer.parameters()))
        by_layer = zip(*(layers for layers in lists if len(layers) == len(heaviest)), strict=True)
        yield module, [parts[0] if len(parts) == 1 else nn.ModuleList(parts) for parts in by_layer]
    for child in children:
        if not isinstance(child, nn.ModuleList):
            yield from _stacks(child)


def _flat(layers: nn.ModuleList) -> list[nn.Module]:
    """The layers of blocks of layers, as Funnel has them, one after the other."""
    return [inner for layer in layers for inner in (_flat(layer) if isinstance(layer, nn.ModuleList) else [layer])]


def heights(model: QAModel) -> dict[int, int]:
    """The number of encoder layers above each parameter, by its ``id``: 0 in the top layer and in the head.

    Embeddings, and what brings them to the width of the layers, lie below the first layer; what else an encoder, or a
    decoder, keeps beside or behind its layers, such as a norm, counts as part of its last one.
    """
    layers = layers_of(model.encoder)
    found = {id(parameter): 0 for parameter in model.parameters()}
    _mark(model.encoder, len(layers), found)
    for name, parameter in model.encoder.named_parameters():
        if "emb" in name or "project_in." in name:  # OPT
            found[id(parameter)] = len(layers)
    for module in model.encoder.modules():
        if isinstance(module, nn.Embedding):  # of relative positions too
            found |= {id(parameter): len(layers) for parameter in module.parameters()}
        elif hasattr(module, "rel_embeddings"):  # DeBERTa: the table's norm, and what comes after the first layer
            for name, height in (("LayerNorm", len(layers)), ("conv", len(layers) - 1)):
                if isinstance(part := getattr(module, name, None), nn.Module):
                    found |= {id(parameter): height for parameter in part.parameters()}
    for above, layer in enumerate(reversed(layers)):
        found |= {id(parameter): above for parameter in layer.parameters()}
    return found


def _mark(module: nn.Module, above: int, found: dict[int, int]) -> int:
    """Note the layers above all that a module keeps, by the order of what it is made of; those above what follows."""
    above -= sum(len(own) for stack, own in _stacks(module) if stack is module)
    found |= {id(parameter): above for parameter in module.parameters()}
    for name, child in module.named_children():
        if "emb" not in name and not isinstance(child, nn.ModuleList):
            above = _mark(child, above, found)
    return above


def lowest(model: QAModel, number: int) -> list[nn.Parameter]:
    """The parameters of the embeddings and of so many of the lowest layers, by :func:`heights`; none of 0 layers.

    Raises:
        UsageError: the encoder has fewer layers.
    """
    if not number:
        return []
    above, layers = heights(model), layers_of(model.encoder)
    if number > len(layers):
        what, fix = f"frozen_layers is {number}, but {type(model.encoder).__name__} has {len(layers)}", "lower it"
        times = getattr(getattr(model.encoder, "config", None), "num_hidden_layers", 1)
        if len(layers) == 1 and times > 1:
            what, fix = f"{what} layer, used {times} times: none of these can be frozen alone", "leave it out"
        raise UsageError(what, where="trainer", fix=fix)
    return [parameter for parameter in model.encoder.parameters() if above[id(parameter)] >= len(layers) - number]


@contextmanager
def frozen(model: QAModel, options: TorchOptions) -> Iterator[None]:
    """Within the block, leave the lowest layers as they are where the options say so: no gradients go through them.

    Raises:
        UsageError: as :func:`lowest`, or some of these layers are drawn anew.
    """
    held = [parameter for parameter in lowest(model, options.frozen_layers) if parameter.requires_grad]
    if held and options.frozen_layers + options.reinitialise_layers > (depth := len(layers_of(model.encoder))):
        what = (
            f"frozen_layers and reinitialise_layers are more than the {depth} layers of {type(model.encoder).__name__}"
        )
        raise UsageError(what, where="trainer", fix="a layer that is drawn anew has to be trained: lower either")
    for parameter in held:
        parameter.requires_grad_(False)
    if held and not any(parameter.requires_grad for parameter in model.encoder.parameters()):
        what = f"frozen_layers is {options.frozen_layers}: nothing of {type(model.encoder).__name__} is left to train"
        warnings.warn(f"{what}, the head learns alone", QatkWarning, stacklevel=2)
    try:
        yield
    finally:
        for parameter in held:
            parameter.requires_grad_(True)


def draw_anew(model: QAModel, number: int) -> None:
    """Draw the weights of the top layers again, as the architecture draws them before pretraining (Zhang et al. 2021).

    Raises:
        UsageError: the encoder has fewer layers, or does not say how its weights are drawn.
    """
    layers, draw = layers_of(model.encoder), getattr(model.encoder, "_init_weights", None)
    if draw is None or number > len(layers):
        name = type(model.encoder).__name__
        why = "does not say how its weights are drawn" if draw is None else f"has {len(layers)}"
        raise UsageError(f"reinitialise_layers is {number}, but {name} {why}", where="trainer", fix="lower it")
    with torch.no_grad():
        for layer in layers[len(layers) - number :]:
            # transformers leaves alone what it has marked as loaded.
            for part in (*layer.modules(), *layer.parameters()):
                if hasattr(part, "_is_hf_initialized"):
                    del part._is_hf_initialized
            layer.apply(draw)
