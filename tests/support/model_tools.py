"""Small random models on disk, in the forms that extractive QA models come in, and windows for them by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    AlbertConfig,
    AutoModel,
    AutoModelForQuestionAnswering,
    BertConfig,
    BigBirdConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    LongformerConfig,
    ModernBertConfig,
    MPNetConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    XLMRobertaConfig,
    XLNetConfig,
    XLNetForQuestionAnswering,
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
_XLNET_TOKENS = {"pad_token": "<pad>", "cls_token": "<cls>", "sep_token": "<sep>"}
_BYTE_TOKENS = {"pad_token": "<pad>", "cls_token": "<s>", "sep_token": "</s>", "bos_token": "<s>"}
FORMS = list(_FORMS)
_POSITIONS = {"max_position_embeddings": 64, "pad_token_id": 0}
_MODERN = {"global_attn_every_n_layers": 2, "local_attention": 16, "bos_token_id": 2, "eos_token_id": 3}
_SPECIAL = {"cls_token_id": 2, "sep_token_id": 3}
_XLNET = {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 32, "pad_token_id": 0, "start_n_top": 2, "end_n_top": 3}
_ARCHITECTURES: dict[str, tuple[type, dict[str, Any], str]] = _FORMS | {
    "albert": (AlbertConfig, {**SHAPE, **_POSITIONS, "embedding_size": 8}, "wordpiece-uncased"),
    "bigbird": (
        BigBirdConfig,
        {**SHAPE, **_POSITIONS, **_SPECIAL, "attention_type": "original_full"},
        "wordpiece-uncased",
    ),
    "deberta-v2": (
        DebertaV2Config,
        {**SHAPE, **_POSITIONS, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8},
        "wordpiece-uncased",
    ),
    "electra": (ElectraConfig, {**SHAPE, **_POSITIONS, "embedding_size": 8}, "wordpiece-uncased"),
    "longformer": (
        LongformerConfig,
        {**SHAPE, "max_position_embeddings": 66, "pad_token_id": 1, "sep_token_id": 2, "attention_window": 8},
        "byte-bpe",
    ),
    "modernbert": (ModernBertConfig, {**SHAPE, **_POSITIONS, **_SPECIAL, **_MODERN}, "wordpiece-uncased"),
    "mpnet": (MPNetConfig, {**SHAPE, "max_position_embeddings": 66, "pad_token_id": 1}, "byte-bpe"),
    "xlm-roberta": (XLMRobertaConfig, {**SHAPE, "max_position_embeddings": 66, "pad_token_id": 1}, "byte-bpe"),
    "xlnet": (XLNetConfig, _XLNET, "unigram-xlnet-left"),
}
ARCHITECTURES = [name for name in _ARCHITECTURES if name != "left"]


def save_model(folder: Path, form: str = "bert", *, answers: bool = False, **config: Any) -> Path:
    """Write a random model; with ``answers`` a question-answering checkpoint, else a bare encoder."""
    kind, shape, tokenizer_form = _ARCHITECTURES[form]
    tokenizer = _tokenizer(tokenizer_form)
    torch.manual_seed(0)
    factory = AutoModelForQuestionAnswering if answers else AutoModel
    return write_model(folder, factory.from_config(kind(vocab_size=len(tokenizer), **{**shape, **config})), tokenizer)


def save_xlnet_beams(folder: Path) -> Path:
    """Write a random ``XLNetForQuestionAnswering``, the class that ``AutoModelForQuestionAnswering`` does not take."""
    kind, shape, tokenizer_form = _ARCHITECTURES["xlnet"]
    tokenizer = _tokenizer(tokenizer_form)
    torch.manual_seed(0)
    return write_model(folder, XLNetForQuestionAnswering(kind(vocab_size=len(tokenizer), **shape)), tokenizer)


def write_model(folder: Path, model: Any, tokenizer: PreTrainedTokenizerFast) -> Path:
    """Write a model with its head's weights drawn wide, so that scores differ, and its tokenizer."""
    inner = {id(weight) for weight in model.base_model.parameters()}
    for weight in model.parameters():
        if id(weight) not in inner:
            torch.nn.init.normal_(weight)
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
        **{"byte-bpe": _BYTE_TOKENS, "unigram-xlnet-left": _XLNET_TOKENS}.get(form, _BERT_TOKENS),
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
