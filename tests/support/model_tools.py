"""Small random models on disk, in the forms that extractive QA models come in, and windows for them by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModel,
    AutoModelForQuestionAnswering,
    BertConfig,
    DistilBertConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
)

from qatk.api import Features
from qatk.plugins.model_types import BackboneSpec
from stride_tools import make

SHAPE: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
_DISTIL = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}
_FORMS: dict[str, tuple[type, dict[str, Any], str]] = {
    "bert": (BertConfig, {**SHAPE, "max_position_embeddings": 64, "pad_token_id": 0}, "wordpiece-uncased"),
    "left": (BertConfig, {**SHAPE, "max_position_embeddings": 64, "pad_token_id": 0}, "wordpiece-left"),
    "roberta": (
        RobertaConfig,
        {**SHAPE, "max_position_embeddings": 66, "pad_token_id": 1, "type_vocab_size": 1},
        "byte-bpe",
    ),
    "distilbert": (DistilBertConfig, {**_DISTIL, "max_position_embeddings": 64}, "wordpiece-uncased"),
}
_BERT_TOKENS = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
_BYTE_TOKENS = {"pad_token": "<pad>", "cls_token": "<s>", "sep_token": "</s>", "bos_token": "<s>"}
FORMS = list(_FORMS)


def save_model(folder: Path, form: str = "bert", *, answers: bool = False, **config: Any) -> Path:
    """Write a random model; with ``answers`` a question-answering checkpoint, else a bare encoder."""
    kind, shape, tokenizer_form = _FORMS[form]
    tokenizer = _tokenizer(tokenizer_form)
    torch.manual_seed(0)
    factory = AutoModelForQuestionAnswering if answers else AutoModel
    model = factory.from_config(kind(vocab_size=len(tokenizer), **{**shape, **config}))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(form: str) -> PreTrainedTokenizerFast:
    bare, spec = make(form)
    names = ["input_ids", "token_type_ids", "attention_mask"] if spec.has_type_ids else ["input_ids", "attention_mask"]
    return PreTrainedTokenizerFast(
        tokenizer_object=bare.backend_tokenizer,
        padding_side=spec.padding_side,
        model_input_names=names,
        **(_BYTE_TOKENS if form == "byte-bpe" else _BERT_TOKENS),
    )


def windows(
    lengths: Sequence[int], spec: BackboneSpec, *, vocabulary: int = 60, seed: int = 0, targets: bool = True
) -> Features:
    """Windows ``[CLS] question [SEP] context [SEP]`` of random ids, a question of 2 tokens, targets at random.

    With left padding the context comes first and CLS last.
    """
    rng = np.random.default_rng(seed)
    ids, kinds, starts, ends, nulls, first, last = [], [], [], [], [], [], []
    left = spec.padding_side == "left"
    for length in lengths:
        context = length - 5
        begin = 1 if left else 4
        ids.append(rng.integers(5, vocabulary, length))
        null = length - 1 if left else 0
        ids[-1][null] = spec.null_id
        inside = (np.arange(length) >= begin) & (np.arange(length) < begin + context)
        kinds.append(inside)
        starts.append(np.where(inside, np.arange(length) * 2, -1))
        ends.append(np.where(inside, np.arange(length) * 2 + 1, -1))
        nulls.append(null)
        pair = np.sort(rng.integers(begin, begin + context, 2)) if rng.random() < 0.7 else np.array([null, null])
        first.append(pair[0])
        last.append(pair[1])
    return Features(
        example_index=np.arange(len(lengths), dtype=np.int32),
        token_offsets=np.cumsum([0, *lengths], dtype=np.int64),
        input_ids=np.concatenate(ids).astype(np.int32),
        type_ids=(np.concatenate(kinds) & spec.has_type_ids).astype(np.int8),
        char_start=np.concatenate(starts).astype(np.int32),
        char_end=np.concatenate(ends).astype(np.int32),
        null_index=np.array(nulls, np.int32),
        start_target=np.array(first, np.int32) if targets else None,
        end_target=np.array(last, np.int32) if targets else None,
    )
