"""Small tokenizers of the forms that published models have, each with the spec of a backbone for it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from qatk.plugins import protocols
from qatk.plugins.model_types import BackboneSpec

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Case = tuple[str, protocols.Tokenizer, BackboneSpec]
"""The name of a form, a tokenizer of it, and the spec of a backbone for it."""
MAX_LENGTH = 512
_CORPUS = [
    "The mill of Arlen stands on the river Orr; it was built in 1843 by Ada Lovelace, and sold in 1901.",
    "Who built the mill, when was it sold, and where does it stand? Nobody knows how many stones there are.",
    "naïve café Ångström 東京都 w0 w1 w2 w3 w4 w5 w6 w7 w8 w9",
]


@lru_cache
def tokenizers_to_try() -> tuple[Case, ...]:
    """Name, tokenizer and spec: word pieces, bytes without type ids, and as XLNet has it: context first, CLS last."""
    return (
        _wrapped("word pieces", _word_pieces(), "right", 2, True),
        _wrapped("bytes, no type ids", _bytes(), "right", 0, False),
        _wrapped("word pieces, context first and CLS last", _word_pieces(cls_last=True), "left", 2, True),
    )


def _wrapped(name: str, tokenizer: Tokenizer, side: str, null_id: int, types: bool) -> Case:
    from transformers import PreTrainedTokenizerFast

    names = ["input_ids", "token_type_ids", "attention_mask"] if types else ["input_ids", "attention_mask"]
    special = tokenizer.id_to_token(null_id)
    pad = "[PAD]" if types else "<pad>"
    wrapped = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, padding_side=side, pad_token=pad, cls_token=special, model_input_names=names
    )
    spec = BackboneSpec(f"testing ({name})", 16, MAX_LENGTH, side, wrapped.pad_token_id, null_id, types)
    return name, wrapped, spec


def _word_pieces(*, cls_last: bool = False) -> Tokenizer:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    found = {word for text in _CORPUS for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))}
    words, characters = sorted(found), sorted({character for word in found for character in word})
    # made by hand, since the trainer of tokenizers numbers pieces in the order of a hash map: every other word is whole
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *characters, *(f"##{c}" for c in characters), *words[::2]]
    vocabulary = {piece: k for k, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    first, last = ("", " [CLS]:2") if cls_last else ("[CLS] ", "")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first}$A [SEP]{last}",
        pair=f"{first}$A [SEP] $B:1 [SEP]:1{last}",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def _bytes() -> Tokenizer:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer
