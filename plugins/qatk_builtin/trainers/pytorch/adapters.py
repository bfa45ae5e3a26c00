"""Low-rank adapters (LoRA, DoRA) beside frozen weights, by peft: there while a training lasts, merged as it ends."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from accelerate.utils import set_seed
from torch import Tensor, nn

from qatk.api import UsageError
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.depth import layers_of, lowest
from qatk_builtin.trainers.pytorch.model import QAModel

_NAME = "default"


@contextmanager
def adapted(model: QAModel, options: TorchOptions, seed: int) -> Iterator[None]:
    """Within the block, train adapters and the head alone where the options say so; then merge what they learnt.

    Raises:
        UsageError: peft is not installed, or the encoder lacks what ``lora_targets`` names.
    """
    if options.lora_rank is None:
        yield
        return
    peft, encoder = _library(), model.encoder
    trained = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    config = peft.LoraConfig(
        r=options.lora_rank,
        lora_alpha=options.lora_alpha,
        lora_dropout=options.lora_dropout,
        use_dora=options.lora_dora,
        target_modules=list(targets(encoder, options.lora_targets)),
    )
    set_seed(seed)
    peft.inject_adapter_in_model(config, encoder, adapter_name=_NAME)
    model.adapted = True
    try:
        yield
    finally:
        for name, layer in list(_adapters(encoder)):
            layer.merge()
            parent, _, child = name.rpartition(".")
            setattr(encoder.get_submodule(parent), child, layer.get_base_layer())
        if hasattr(encoder, "peft_config"):
            del encoder.peft_config
        for parameter in trained:
            parameter.requires_grad_(True)
        model.adapted = False


def encoder_state(model: QAModel) -> dict[str, Tensor]:
    """The encoder's weights under its own names, with those of adapters merged into copies."""
    state: dict[str, Tensor] = model.encoder.state_dict()
    if not model.adapted:
        return state
    for name, layer in _adapters(model.encoder):
        state = {key: value for key, value in state.items() if not key.startswith(f"{name}.")}
        merged = copy.deepcopy(layer)
        merged.merge()
        state |= {f"{name}.{key}": value for key, value in merged.get_base_layer().state_dict().items()}
    return state


def trained_parameters(model: QAModel, options: TorchOptions) -> int:
    """The number of parameters that training changes: those of adapters, where it has any, and the head's.

    Raises:
        UsageError: the encoder has fewer layers than ``frozen_layers``.
    """
    if options.lora_rank is None or model.adapted:
        held = {id(p) for p in lowest(model, options.frozen_layers)}
        return sum(p.numel() for p in model.parameters() if p.requires_grad and id(p) not in held)
    layers = targets(model.encoder, options.lora_targets).values()
    sizes = [options.lora_rank * (layer.in_features + layer.out_features) for layer in layers]
    magnitudes = sum(layer.out_features for layer in layers) if options.lora_dora else 0
    return sum(sizes) + magnitudes + sum(p.numel() for p in model.head.parameters())


def targets(encoder: nn.Module, wanted: list[str] | None) -> dict[str, nn.Linear]:
    """The linear layers inside an encoder's layers, by name; of these, the ones whose names end as is wanted.

    Raises:
        UsageError: there are none of a name.
    """
    inside = {id(module) for layer in layers_of(encoder) for module in layer.modules()}
    every = {name: m for name, m in encoder.named_modules() if isinstance(m, nn.Linear) and id(m) in inside}
    found: dict[str, nn.Linear] = {}
    for end in [""] if wanted is None else wanted:
        ending = {name: layer for name, layer in every.items() if not end or f".{name}".endswith(f".{end}")}
        if not ending:
            last = ", ".join(sorted({name.rpartition(".")[2] for name in every})) or "no linear layers"
            what = (
                f"no linear layer of {type(encoder).__name__} is called {end!r}" if end else "there is nothing to adapt"
            )
            raise UsageError(what, where="trainer.lora_targets", fix=f"its layers have {last}")
        found |= ending
    return found


def _adapters(encoder: nn.Module) -> Iterator[tuple[str, Any]]:
    """The layers with adapters, by name."""
    from peft.tuners.lora import LoraLayer

    for name, module in encoder.named_modules():
        if isinstance(module, LoraLayer):
            yield name, module


def _library() -> Any:
    try:
        import peft
    except ImportError:
        raise UsageError("lora_rank needs peft", where="trainer", fix='pip install "qatk[lora]"') from None
    return peft
