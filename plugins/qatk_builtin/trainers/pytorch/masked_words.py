"""The part that says what hidden words were, and learns beside a model."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear

from qatk.api import Batch

PLACES, DUE = "masked_places", "masked_ids"
"""What a batch has in ``extra``: int64[M] each, where hidden tokens are in the flat table, and their ids."""


class MaskedWords(nn.Module):
    """Says what hidden tokens were: a layer between the encoder's states and its word embeddings, and a bias.

    It learns beside the model while a training lasts, and is left out of what is saved. The task is BERT's (Devlin et
    al. 2019), over whole words and drawn anew for each batch (RoBERTa, Liu et al. 2019).
    """

    def __init__(self, table: nn.Embedding, width: int) -> None:
        super().__init__()
        size = table.embedding_dim
        self.transform = nn.Sequential(nn.Linear(width, size), nn.GELU(), nn.LayerNorm(size))
        self.bias = nn.Parameter(torch.zeros(table.num_embeddings))
        self._table = (table,)  # in a tuple: its weights are the encoder's, and have one name
        self._states: Tensor | None = None

    def hear(self, head: object, given: tuple[Tensor, Batch]) -> None:
        """Keep the states that the head is given."""
        self._states = given[0] if self.training else None

    def loss(self, batch: Batch) -> Tensor:
        """The mean cross entropy over the hidden tokens of the batch that was last heard; 0 where none are."""
        assert self._states is not None
        states, self._states = self._states, None
        places, due = batch.extra[PLACES], batch.extra[DUE]
        scores = linear(self.transform(states.flatten(0, 1)[places]), self._table[0].weight, self.bias)
        return cross_entropy(scores, due, reduction="sum") / max(1, len(due))
