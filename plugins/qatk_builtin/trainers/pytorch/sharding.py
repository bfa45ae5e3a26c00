"""Weights, gradients and optimizer state cut over several processes while a training lasts: torch's FSDP2.

Before a training and after it every process has the whole model. In between, training and evaluation go by a twin of
it, each of whose weights lies in equal parts in all processes, and comes together for as long as its layer computes;
the model that the caller holds is hollow. What is saved is whole: it does not show how many processes there were.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

import torch
from accelerate.utils import FullyShardedDataParallelPlugin as Settings
from torch import Tensor, distributed, nn
from torch.optim import Optimizer

from qatk.api import UsageError
from qatk_builtin.trainers.pytorch.checkpoint import Interrupted
from qatk_builtin.trainers.pytorch.depth import layers_of
from qatk_builtin.trainers.pytorch.device import keep_freed_memory
from qatk_builtin.trainers.pytorch.model import QAModel, table_of_words

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh

_NOTHING, _WEIGHTS, _STATE = range(3)
"""What the first process may ask the others to put together with it."""


class _Parts(Protocol):
    """A tensor that is cut: what torch's ``DTensor`` has beyond others."""

    device_mesh: DeviceMesh

    def full_tensor(self) -> Tensor: ...

    def to_local(self) -> Tensor: ...


def whole_tensor(value: Tensor) -> Tensor:
    """A tensor put together from the parts of all processes, which must all ask for it; another one as it is."""
    if not hasattr(value, "full_tensor"):
        return value
    place = cast(_Parts, value).device_mesh.device_type  # where processes can meet, though the parts may be elsewhere
    return cast(_Parts, value.to(place)).full_tensor()


def part_of(value: Tensor) -> Tensor:
    """This process's part of a tensor, in the same memory; all of one that is not cut."""
    return cast(_Parts, value).to_local() if hasattr(value, "to_local") else value


@contextmanager
def whole(model: QAModel) -> Iterator[QAModel]:
    """The model with all its weights; where they are cut, on the CPU, and all processes must ask for it."""
    if (shards := shards_of(model)) is None:
        yield model
    else:
        with shards.whole() as found:
            yield found


def shards_of(model: QAModel) -> Shards | None:
    """How the weights of a model are cut; ``None`` where they are whole."""
    return cast("Shards | None", model.shards)


class Shards:
    """The weights of a model, cut over all processes.

    Attributes:
        model: as its owner holds it; hollow until :meth:`end`.
        network: its twin, which computes. A pass through it takes place in all processes at once.
    """

    def __init__(self, model: QAModel, settings: Settings, device: torch.device, *, compiled: bool) -> None:
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.data = tensor.data.contiguous()
            distributed.broadcast(tensor.data, src=0)
        self.model, self._device, self._first = model, device, distributed.get_rank() == 0
        if device.type == "cpu":
            keep_freed_memory(False)
        self.network = _twin(model)
        if compiled:
            self.network.encoder.compile(dynamic=True)
        _fully_shard(self.network, settings, device)
        model.shards = self.network.shards = self
        self._empty()

    def end(self) -> None:
        """Give the model its weights back, on its device, and forget the twin."""
        self._fill(self._device)
        self.model.shards = self.network.shards = None
        if self._device.type == "cpu":
            keep_freed_memory()

    @contextmanager
    def whole(self) -> Iterator[QAModel]:
        """See :func:`whole`."""
        self._say(_WEIGHTS)
        self._fill(torch.device("cpu"))
        self.model.shards = None  # a copy of it is whole
        try:
            yield self.model
        finally:
            self.model.shards = self
            self._empty()

    def gather(self, state: Callable[[], object]) -> object:
        """What ``state`` gives, with whole tensors, on the CPU; the other processes must call it too, or attend.

        Only the first process gets it: all together would keep it as often as they are.
        """
        self._say(_STATE)
        found = _gathered(state(), keep=self._first)
        return found if self._first else None

    def attend(self, state: Callable[[], object]) -> None:
        """Wait until the first process has saved what it wants to, and take part in putting it together."""
        if self._first:
            self._say(_NOTHING)
            return
        while (what := self._say(_NOTHING)) != _NOTHING:
            if what == _WEIGHTS:
                for _ in self._weights():
                    pass
            else:
                _gathered(state(), keep=False)

    def cut(self, saved: Interrupted, optimizer: Optimizer) -> Interrupted:
        """Of a whole state of training, what this process keeps.

        Cut is what the optimizer has of a weight, and anything of the shape of a weight under its name.
        """
        names = self.network.state_dict()
        found = cast(Interrupted, _cut_by_name(saved, names))
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        state = cast("Mapping[int, Mapping[str, object]]", saved["optimizer"]["state"])
        parts = {k: {name: _cut(value, weights[k]) for name, value in of.items()} for k, of in state.items()}
        found["optimizer"] = {**saved["optimizer"], "state": parts}
        return found

    def _say(self, what: int) -> int:
        """What the first process says, in all."""
        said = torch.tensor(what, device=self._device)
        distributed.broadcast(said, src=0)
        return int(said)

    def _weights(self) -> Iterator[tuple[nn.Parameter, Tensor]]:
        """The parameters of the model, each with its whole values."""
        parts = self.network.state_dict()
        for name, parameter in self.model.named_parameters():
            yield parameter, whole_tensor(parts[name])

    def _fill(self, device: torch.device) -> None:
        for parameter, values in self._weights():
            parameter.data = values.to(device)

    def _empty(self) -> None:
        """Keep shapes alone: one zero in the place of each weight."""
        for parameter in self.model.parameters():
            parameter.data = torch.zeros((), dtype=parameter.dtype, device=self._device).expand(parameter.shape)


def _twin(model: QAModel) -> QAModel:
    """Modules of their own around the same tensors."""
    same = (*model.parameters(), *model.buffers(), model.tokenizer)
    return copy.deepcopy(model, {id(each): each for each in same})


def _fully_shard(network: QAModel, settings: Settings, device: torch.device) -> None:
    """Cut every unit, and then all that is in none. Raises as :func:`units`."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import OffloadPolicy, fully_shard

    # On a CPU there is nothing to offload from.
    offload = cast(OffloadPolicy, settings.cpu_offload) if device.type != "cpu" else OffloadPolicy()
    mesh = init_device_mesh(device.type, (distributed.get_world_size(),))
    together = units(network.encoder, settings)
    for unit in together:
        again = bool(settings.reshard_after_forward)
        fully_shard(unit, mesh=mesh, reshard_after_forward=again, offload_policy=offload)
    fully_shard(network, mesh=mesh, offload_policy=offload)
    for module in (*together, network):
        vars(module)["__deepcopy__"] = _refuse_copy
    # Heads give views of one tensor; what torch warns of is to write into them.
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view", UserWarning)


def _refuse_copy(_: object) -> NoReturn:
    what = "a hook of the trainer copies the model, whose weights are cut over several processes"
    fix = "leave out sharding, or let it keep copies of what model.state_dict() has, as average_decay does"
    raise UsageError(what, where="trainer", fix=fix)


def units(encoder: nn.Module, settings: Settings) -> list[nn.Module]:
    """The modules whose weights come together as one, those inside others first: layers, and the table of words.

    Raises:
        UsageError: the encoder has no layer of a class that the configuration names, or no layers at all.
    """
    inside_first = [module for module in reversed(list(encoder.modules())) if _computes(module)]
    classes = set(settings.transformer_cls_names_to_wrap or ())
    if missing := classes - {type(module).__name__ for module in inside_first}:
        what = f"{type(encoder).__name__} has no module of the class {min(missing)}"
        raise UsageError(
            what, where="FSDP_TRANSFORMER_CLS_TO_WRAP", fix="leave it out, and each layer is cut by itself"
        )
    if classes:
        found = [module for module in inside_first if type(module).__name__ in classes]
    elif settings.min_num_params:
        found = [m for m in inside_first if sum(p.numel() for p in m.parameters()) > settings.min_num_params]
    else:
        layers = set(_layers(encoder))
        found = [module for module in inside_first if module in layers]
    return [*(table for table in _tables(encoder) if table not in found), *found]


def _layers(encoder: nn.Module) -> Iterator[nn.Module]:
    try:
        layers = layers_of(encoder)
    except UsageError as error:
        error.fix = "leave out sharding, or name classes in fsdp_transformer_layer_cls_to_wrap of accelerate"
        raise
    for layer in layers:
        yield from layer if isinstance(layer, nn.ModuleList) else [layer]


def _computes(module: nn.Module) -> bool:
    """Whether a module is more than a container."""
    return type(module).forward is not nn.Module.forward


def _tables(encoder: nn.Module) -> Iterator[nn.Module]:
    """The table of words, unless others share its weights."""
    if (table := table_of_words(encoder)) is not None:
        users = [weight for _, weight in encoder.named_parameters(remove_duplicate=False) if weight is table.weight]
        if len(users) == 1:
            yield table


def _gathered(tree: object, *, keep: bool) -> object:
    """A tree of containers with whole tensors on the CPU; without ``keep``, with none of those that are cut."""
    if isinstance(tree, Mapping):
        return {name: _gathered(value, keep=keep) for name, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_gathered(value, keep=keep) for value in tree)
    if isinstance(tree, Tensor) and (full := whole_tensor(tree)) is not tree:
        return full.cpu() if keep else None
    return tree


def _cut_by_name(tree: object, names: Mapping[str, Tensor]) -> object:
    if isinstance(tree, Mapping):
        found = {name: _cut_by_name(value, names) for name, value in tree.items()}
        return {name: _cut(value, names[name]) if name in names else value for name, value in found.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_cut_by_name(value, names) for value in tree)
    return tree


def _cut(value: object, weight: Tensor) -> object:
    """This process's part of a whole tensor, cut as a weight is; what has another shape as it is."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not (isinstance(weight, DTensor) and isinstance(value, Tensor) and value.shape == weight.shape):
        return value
    whole = value.to(weight.device_mesh.device_type)
    return distribute_tensor(whole, weight.device_mesh, weight.placements, src_data_rank=None).to(weight.device)
