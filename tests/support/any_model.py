"""Random models of every family that people train on questions, with tokenizers of their form, built here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, processors
from transformers import AutoModel, PreTrainedTokenizerFast

import stride_tools
from model_tools import SHAPE

_BERT = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
_ROBERTA = {"pad_token": "<pad>", "cls_token": "<s>", "sep_token": "</s>", "bos_token": "<s>", "eos_token": "</s>"}
_XLNET = {"pad_token": "<pad>", "cls_token": "<cls>", "sep_token": "<sep>"}
_LLAMA = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
_QWEN = {"pad_token": "<pad>", "eos_token": "</s>", "additional_special_tokens": ["<mask>"]}


@dataclass(frozen=True)
class Family:
    """A family of models: its configuration's class and values, its tokenizer's form and special tokens.

    Attributes:
        positions: tokens that a window may have at most.
        null: the token that stands for "no answer", and whether it is the last of a window.
    """

    config: str
    values: dict[str, Any]
    form: str
    tokens: dict[str, Any]
    positions: int = 512
    null: tuple[str, bool] = ("[CLS]", False)
    type_ids: bool = False


_DISTIL = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}
_DEBERTA = {**SHAPE, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8}
_T5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "eos_token_id": 2}
_XL = {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 32, "pad_token_id": 0}
_BACK = {**SHAPE, "num_key_value_heads": 2, "pad_token_id": 1, "eos_token_id": 2}
_LOCAL = {"global_attn_every_n_layers": 2, "local_attention": 16, "bos_token_id": 2, "eos_token_id": 3}
_MODERN = {**SHAPE, **_LOCAL, "cls_token_id": 2, "sep_token_id": 3, "pad_token_id": 0}
_BIRD = {**SHAPE, "attention_type": "original_full", "pad_token_id": 0, "sep_token_id": 2}
_FROM_2 = {**SHAPE, "pad_token_id": 1}
"""Of families whose positions start behind a padding row."""
_S = ("<s>", False)
FAMILIES: dict[str, Family] = {
    "bert": Family("BertConfig", {**SHAPE}, "wordpiece-uncased", _BERT, type_ids=True),
    "roberta": Family("RobertaConfig", {**_FROM_2, "type_vocab_size": 1}, "byte-bpe", _ROBERTA, null=_S),
    "deberta-v2": Family("DebertaV2Config", _DEBERTA, "unigram-deberta", _BERT),
    "deberta-v3": Family(
        "DebertaV2Config",
        {**_DEBERTA, "share_att_key": True, "norm_rel_ebd": "layer_norm", "type_vocab_size": 0},
        "unigram-deberta",
        _BERT,
    ),
    "electra": Family("ElectraConfig", {**SHAPE, "embedding_size": 8}, "wordpiece-uncased", _BERT, type_ids=True),
    "albert": Family("AlbertConfig", {**SHAPE, "embedding_size": 8}, "unigram-deberta", _BERT, type_ids=True),
    "distilbert": Family("DistilBertConfig", _DISTIL, "wordpiece-cased", _BERT),
    "mpnet": Family("MPNetConfig", _FROM_2, "byte-bpe", _ROBERTA, null=_S),
    "xlm-r": Family("XLMRobertaConfig", {**_FROM_2, "type_vocab_size": 1}, "unigram-xlmr", _ROBERTA, null=_S),
    "modernbert": Family("ModernBertConfig", _MODERN, "wordpiece-cased", _BERT, 8192),
    "longformer": Family(
        "LongformerConfig",
        {**_FROM_2, "sep_token_id": 2, "attention_window": 8, "type_vocab_size": 1},
        "byte-bpe-prefix-space",
        _ROBERTA,
        4096,
        _S,
    ),
    "bigbird": Family("BigBirdConfig", _BIRD, "unigram-deberta", _BERT, 4096, type_ids=True),
    "xlnet": Family("XLNetConfig", _XL, "unigram-xlnet-left", _XLNET, 1024, ("<cls>", True), type_ids=True),
    "t5": Family("T5Config", _T5, "unigram-t5", {"pad_token": "<pad>", "eos_token": "</s>"}, null=("</s>", False)),
    "llama": Family("LlamaConfig", {**_BACK, "bos_token_id": 0}, "byte-bpe", _LLAMA, 8192, ("</s>", True)),
    "qwen": Family("Qwen2Config", {**_BACK, "bos_token_id": None}, "byte-bpe", _QWEN, 8192, ("</s>", True)),
}
_BEHIND = {"roberta", "mpnet", "xlm-r", "longformer"}


def save_family(folder: Path, name: str, **tokens: Any) -> Path:
    """Write a random encoder of a family with its tokenizer; ``tokens`` are other special tokens."""
    family = FAMILIES[name]
    tokenizer = _tokenizer(family, tokens)
    config: Callable[..., Any] = getattr(transformers, family.config)
    most = {"max_position_embeddings": family.positions + 2 * (name in _BEHIND)}
    torch.manual_seed(0)
    model = AutoModel.from_config(
        config(vocab_size=len(tokenizer), **({} if name in ("t5", "xlnet") else most), **family.values)
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(family: Family, tokens: dict[str, Any]) -> PreTrainedTokenizerFast:
    names = ["input_ids", "token_type_ids", "attention_mask"] if family.type_ids else ["input_ids", "attention_mask"]
    return PreTrainedTokenizerFast(
        tokenizer_object=_t5() if family.form == "unigram-t5" else _backend(family.form),
        padding_side="left" if family.form.endswith("left") else "right",
        model_input_names=names,
        model_max_length=family.positions,
        **{**family.tokens, **tokens},
    )


def _backend(form: str) -> Tokenizer:
    found: Tokenizer = Tokenizer.from_str(stride_tools.make(form)[0].backend_tokenizer.to_str())
    return found


def _t5() -> Tokenizer:
    tokenizer = _backend("unigram-xlmr")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", tokenizer.token_to_id("</s>"))]
    )
    return tokenizer
