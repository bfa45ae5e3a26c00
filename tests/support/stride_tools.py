"""Small tokenizers of every form that extractive QA models come in, and helpers to featurize with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from qatk.api import Examples, Features
from qatk.plugins.model_types import BackboneSpec
from qatk_builtin.featurizers import StrideOptions
from qatk_builtin.featurizers.stride import StrideFeaturizer

CORPUS = [
    "Ada Lovelace wrote the first program in 1843, and Charles Babbage built no engine to run it.",
    "The river rises in the hills; it flows north, past the old mill, and reaches the sea at last.",
    "Who wrote it? What rises where? When did they build the engine, and how many were there?",
    "naïve café résumé Ångström 東京都は日本の首都です שלום עולם مرحبا 한국어 😀 👩‍🚀",
]

_ONE_BLANK = normalizers.Replace(Regex(r"\s+"), " ")  # as the character maps of SentencePiece models do


def _bert(lowercase: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=160, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def _roberta(add_prefix_space: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=add_prefix_space
    )
    return tokenizer


def _unigram(special: list[str], normalizer: Any, processor: Any) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    trainer = trainers.UnigramTrainer(vocab_size=150, special_tokens=special, unk_token="<unk>", shrinking_factor=0.5)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processor
    return tokenizer


def _xlmr() -> Tokenizer:
    template = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    normalizer = normalizers.Sequence([normalizers.NFKC(), _ONE_BLANK])
    return _unigram(["<s>", "<pad>", "</s>", "<unk>"], normalizer, template)


def _deberta() -> Tokenizer:
    template = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.NFKC(), _ONE_BLANK])
    return _unigram(["[PAD]", "[CLS]", "[SEP]", "<unk>"], normalizer, template)


def _xlnet() -> Tokenizer:
    template = processors.TemplateProcessing(
        single="$A:0 <sep>:0 <cls>:2",
        pair="$A:0 <sep>:0 $B:1 <sep>:1 <cls>:2",
        special_tokens=[("<sep>", 2), ("<cls>", 1)],
    )
    return _unigram(
        ["<pad>", "<cls>", "<sep>", "<unk>"], normalizers.Sequence([normalizers.NFKD(), _ONE_BLANK]), template
    )


_MAKERS: dict[str, tuple[Callable[[], Tokenizer], str, int, bool]] = {
    "wordpiece-uncased": (lambda: _bert(True), "right", 2, True),
    "wordpiece-cased": (lambda: _bert(False), "right", 2, True),
    "wordpiece-left": (lambda: _bert(True), "left", 2, True),
    "byte-bpe": (lambda: _roberta(False), "right", 0, False),
    "byte-bpe-prefix-space": (lambda: _roberta(True), "right", 0, False),
    "unigram-xlmr": (_xlmr, "right", 0, False),
    "unigram-deberta": (_deberta, "right", 1, True),
    "unigram-xlnet-left": (_xlnet, "left", 1, True),
}
FORMS = list(_MAKERS)


@lru_cache
def make(form: str) -> tuple[PreTrainedTokenizerFast, BackboneSpec]:
    """A tokenizer of this form, and the spec of a model that would have it."""
    maker, side, null_id, has_type_ids = _MAKERS[form]
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=maker(), padding_side=side)
    return tokenizer, spec_for(form, side=side, null_id=null_id, has_type_ids=has_type_ids)


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghij", "who", "is", "##x"]


@lru_cache
def words() -> tuple[PreTrainedTokenizerFast, BackboneSpec]:
    """A token a word: [CLS] is 2, [SEP] 3, a to j are 4 to 13, who 14, is 15, ##x 16."""
    tokenizer = Tokenizer(models.WordPiece({word: k for k, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer), spec_for("words")


TEN = "a b c d e f g h i j"


def spec_for(name: str, *, side: str = "right", null_id: int = 2, has_type_ids: bool = True) -> BackboneSpec:
    return BackboneSpec(name, 8, 512, side, 0, null_id, has_type_ids)


def examples_of(
    pairs: Sequence[tuple[str, str]], answers: Sequence[Sequence[tuple[str, int]]] | None = None
) -> Examples:
    """Examples from (question, context) pairs; ``answers`` are (text, start) lists, one an example."""
    contexts = list(dict.fromkeys(context for _, context in pairs))
    examples = Examples(
        id=[f"q{row}" for row in range(len(pairs))],
        question=[question for question, _ in pairs],
        title=[""] * len(pairs),
        context=contexts,
        context_index=np.array([contexts.index(context) for _, context in pairs], np.int32),
    )
    if answers is None:
        return examples
    flat = [answer for one in answers for answer in one]
    return Examples(
        **{name: getattr(examples, name) for name in ("id", "question", "title", "context", "context_index")},
        answer_offsets=np.cumsum([0, *map(len, answers)], dtype=np.int64),
        answer_text=[text for text, _ in flat],
        answer_start=np.array([start for _, start in flat], np.int32),
    )


def featurize(
    form: str | tuple[Any, BackboneSpec], examples: Examples, *, targets: bool = False, **options: Any
) -> Features:
    tokenizer, spec = make(form) if isinstance(form, str) else form
    return StrideFeaturizer(StrideOptions(**options)).featurize(examples, tokenizer, spec, targets=targets)


def window(features: Features, row: int) -> dict[str, list[int]]:
    """The token columns of one window as lists."""
    among = slice(features.token_offsets[row], features.token_offsets[row + 1])
    names = ("input_ids", "type_ids", "char_start", "char_end")
    return {name: getattr(features, name)[among].tolist() for name in names}


def target_text(features: Features, examples: Examples, row: int) -> str | None:
    """The text of a window's target; ``None`` where that is the null token."""
    assert features.start_target is not None
    assert features.end_target is not None
    first, last = int(features.start_target[row]), int(features.end_target[row])
    columns = window(features, row)
    if columns["char_start"][first] < 0:
        assert first == last == features.null_index[row]
        return None
    assert all(columns["char_start"][k] < columns["char_end"][k] for k in (first, last)), "a token that covers nothing"
    context = examples.context_of(int(features.example_index[row]))
    return context[columns["char_start"][first] : columns["char_end"][last]]


def overflow(tokenizer: Any, question: str, context: str, size: int, stride: int) -> list[Any]:
    """The windows of a question as the tokenizer itself makes them, the context first where it pads on the left."""
    left = tokenizer.padding_side == "left"
    question = question.lstrip()
    encoded = tokenizer(
        *(([context], [question]) if left else ([question], [context])),  # as a batch: also empty contexts are pairs
        truncation="only_first" if left else "only_second",
        max_length=size,
        stride=stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    return list(encoded.encodings)
