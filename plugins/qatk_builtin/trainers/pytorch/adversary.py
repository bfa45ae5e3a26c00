"""Embeddings moved a small step in the direction that raises the loss most: the fast gradient method."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from qatk.api import UsageError
from qatk_builtin.trainers.pytorch.model import QAModel


class Adversary:
    """Adversarial training of Miyato et al. 2017: the embeddings of each window move by ``size``, as one vector."""

    def __init__(self, size: float) -> None:
        self._size = size
        self._seen: Tensor | None = None
        self._step: Tensor | None = None

    @contextmanager
    def listening(self, model: QAModel) -> Iterator[None]:
        """See the embeddings of every training batch.

        Raises:
            UsageError: the encoder does not name its embeddings.
        """
        named = getattr(model.encoder, "get_input_embeddings", None)
        if not isinstance(table := named() if named is not None else None, nn.Module):
            what = f"adversarial moves embeddings, and {type(model.encoder).__name__} does not name its own"
            raise UsageError(what, where="trainer", fix="leave it out")
        handle = table.register_forward_hook(self._hear)
        try:
            yield
        finally:
            handle.remove()
            self._seen = None

    @contextmanager
    def moved(self, loss: Tensor) -> Iterator[None]:
        """Move the embeddings that this loss came from, in every pass within the block."""
        assert self._seen is not None
        (gradient,) = torch.autograd.grad(loss, self._seen, retain_graph=True)
        size = gradient.flatten(1).norm(dim=1).clamp(min=torch.finfo(gradient.dtype).tiny)
        self._step = self._size * gradient / size[:, None, None]
        try:
            yield
        finally:
            self._step = None

    def _hear(self, table: nn.Module, given: object, found: Tensor) -> Tensor | None:
        if not table.training:
            return None
        if self._step is not None:
            return found + self._step
        self._seen = found
        return None
