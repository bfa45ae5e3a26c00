"""Embeddings moved a small step in the direction that raises the loss most: the fast gradient method."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from qatk_builtin.trainers.pytorch.model import QAModel


class Adversary:
    """Adversarial training of Miyato et al. 2017: the embeddings of each window move by ``size``, as one vector."""

    def __init__(self, size: float) -> None:
        self._size = size
        self._seen: dict[nn.Module, Tensor] = {}
        self._steps: dict[nn.Module, Tensor] = {}

    @contextmanager
    def listening(self, model: QAModel) -> Iterator[None]:
        """See the embeddings of every training batch, in all tables that share the words' weights (BART, T5).

        Raises:
            UsageError: the encoder does not name its embeddings.
        """
        table = model.word_embeddings("adversarial")
        tables = {table, *(m for m in model.encoder.modules() if _shares_weights(m, table))}
        handles = [each.register_forward_hook(self._hear) for each in tables]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            self._seen = {}

    @contextmanager
    def moved(self, loss: Tensor) -> Iterator[None]:
        """Move the embeddings that this loss came from, in every pass within the block."""
        gradients = torch.autograd.grad(loss, list(self._seen.values()), retain_graph=True)
        size = torch.stack([each.flatten(1).norm(dim=1) for each in gradients]).norm(dim=0)
        share = (self._size / size.clamp(min=torch.finfo(size.dtype).tiny))[:, None, None]
        self._steps = {table: share * each for table, each in zip(self._seen, gradients, strict=True)}
        try:
            yield
        finally:
            self._steps = {}

    def _hear(self, table: nn.Module, given: object, found: Tensor) -> Tensor | None:
        if not table.training:
            return None
        if self._steps:
            return found + self._steps[table]
        # Frozen ones have no gradients of their own.
        self._seen[table] = found if found.requires_grad else found.detach().requires_grad_()
        return self._seen[table]


def _shares_weights(module: nn.Module, table: nn.Embedding) -> bool:
    return isinstance(module, nn.Embedding) and module.weight is table.weight
