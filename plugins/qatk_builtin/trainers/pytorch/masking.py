"""Masked words: words of the contexts are hidden from the encoder, which learns to say what they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from accelerate.utils import set_seed
from numpy.typing import NDArray
from torch import Tensor

from qatk.api import Batch, Examples, Features, UsageError
from qatk.display import cuts_word
from qatk.types import Bool, Int64, ragged, ragged_rows
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.batches import shift_of
from qatk_builtin.trainers.pytorch.masked_words import DUE, PLACES, MaskedWords
from qatk_builtin.trainers.pytorch.model import QAModel

MASKED, RANDOM = 0.8, 0.1
"""Of the hidden words, the share behind the mask token and that behind random tokens; the others stay (BERT)."""


class Masking:
    """Hides words of the training windows.

    Args:
        options: of the trainer.
        examples, windows: what is trained on.
        seed: what is hidden follows from it, the epoch and a batch's windows, so that training may resume anywhere.
    """

    def __init__(self, options: TorchOptions, examples: Examples, windows: Features, seed: int) -> None:
        self._share, self._seed = options.masked_share, seed
        self._examples, self._windows = examples, windows
        self._mask = self._vocabulary = 0

    @contextmanager
    def beside(self, model: QAModel) -> Iterator[None]:
        """Let the model learn what was hidden within the block.

        Raises:
            UsageError: the tokenizer has no mask token, or the encoder does not name its word embeddings.
        """
        table, self._mask = model.word_embeddings("masked_words"), _mask_of(model)
        self._vocabulary = min(table.num_embeddings, len(model.tokenizer))
        set_seed(self._seed)
        model.masked_words = MaskedWords(table, model.spec.hidden_size).to(table.weight.device)
        handle = model.head.register_forward_pre_hook(model.masked_words.hear)
        try:
            yield
        finally:
            handle.remove()
            model.masked_words = None

    def on_batch(self, batch: Batch, rows: Int64, epoch: int) -> Batch:
        """The batch with words hidden from the encoder, and what they were."""
        tokens, begins = ragged_rows(self._windows.token_offsets, rows)
        draw = np.random.default_rng([self._seed, epoch, *rows.tolist()])
        word = self._words(tokens, ragged.owners(begins), rows)
        luck = draw.random(len(tokens))[word] / self._share
        chosen = np.flatnonzero((word >= 0) & (luck < 1))
        due, luck = self._windows.input_ids[tokens[chosen]].astype(np.int64), luck[chosen]
        others = draw.integers(self._vocabulary, size=len(due))
        hidden = np.select([luck < MASKED, luck < MASKED + RANDOM], [np.full_like(due, self._mask), others], due)
        row, position = (_sent(each[chosen], batch) for each in (ragged.owners(begins), ragged.positions(begins)))
        places = row * batch.token_mask.shape[1] + position + shift_of(batch)[row]
        ids = batch.inputs["input_ids"].clone()
        ids.view(-1)[places] = _sent(hidden, batch)
        extra = {**batch.extra, PLACES: places, DUE: _sent(due, batch)}
        return replace(batch, inputs={**batch.inputs, "input_ids": ids}, extra=extra)

    def _words(self, tokens: Int64, row: Int64, rows: Int64) -> Int64:
        """int64[T]: where among these tokens the word of each begins; -1 outside of the context.

        In scripts without blanks each token counts as a word.
        """
        first, last = self._windows.char_start[tokens], self._windows.char_end[tokens]
        begins: Bool = np.ones(len(tokens), np.bool_)
        for place in (1 + np.flatnonzero((first[1:] >= 0) & (first[1:] <= last[:-1]))).tolist():
            context = self._examples.context_of(int(self._windows.example_index[rows[row[place]]]))
            at, shares = int(first[place]), first[place] < last[place - 1]  # a character
            begins[place] = not (shares or cuts_word(context, at, at))
        where = np.maximum.accumulate(np.where(begins, np.arange(len(tokens)), 0))
        return np.where(first >= 0, where, -1)


def _mask_of(model: QAModel) -> int:
    found = model.tokenizer.mask_token_id
    if found is None:
        what = f"masked_words needs a mask token, and the tokenizer of {model.spec.name} has none"
        raise UsageError(what, where="trainer", fix="leave it out, or name a masked language model such as BERT")
    return int(found)


def _sent(values: NDArray[np.generic], batch: Batch) -> Tensor:
    return torch.from_numpy(values).to(batch.token_mask.device)
