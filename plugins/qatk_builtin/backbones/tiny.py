"""The ``tiny`` backbone: a small BERT from scratch, with a WordPiece vocabulary from the training text.

A plugin's backbone may be a subclass of :class:`TinyBackbone`, its options one of
:class:`qatk_builtin.backbones.TinyOptions`. Both may rely on the options that there are, the methods of
:class:`qatk.api.Backbone` and the attribute ``options``, which stay as they are for as long as the version of qatk's
hooks (``QATK_API``) does. All else in this module is for qatk alone, and may change with any version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor, nn
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from qatk.api import BackboneSpec, Examples, UsageError
from qatk_builtin.backbones import TinyOptions

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ALPHABET = 1000
"""The most characters that the vocabulary knows."""


class TinyBackbone:
    """A BERT of a few layers. Nothing is downloaded; the vocabulary depends on the training text alone."""

    def __init__(self, options: TinyOptions) -> None:
        self.options = options
        self._tokenizer: PreTrainedTokenizerFast | None = None

    def prepare(self, train: Examples | None) -> None:
        """Train the vocabulary."""
        if train is None:
            raise UsageError("the backbone 'tiny' makes its vocabulary from training text", fix="add data.train")
        self._tokenizer = _wrap(
            _train_wordpiece([*train.context, *train.question], self.options.vocab_size), self.options
        )

    def spec(self) -> BackboneSpec:
        """What the other parts must know."""
        tokenizer = self.tokenizer()
        return BackboneSpec(
            name="tiny",
            hidden_size=self.options.hidden_size,
            max_length=self.options.max_length,
            padding_side="right",
            pad_id=tokenizer.pad_token_id,
            null_id=tokenizer.cls_token_id,
            has_type_ids=True,
        )

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The WordPiece tokenizer, lower case."""
        assert self._tokenizer is not None, "prepare() comes first"
        return self._tokenizer

    def encoder(self) -> nn.Module:
        """The encoder, its weights drawn from torch's generator."""
        o = self.options
        if o.hidden_size % o.heads:
            raise UsageError(f"hidden_size {o.hidden_size} is no multiple of heads {o.heads}", where="backbone tiny")
        config = BertConfig(
            vocab_size=len(self.tokenizer()),
            hidden_size=o.hidden_size,
            num_hidden_layers=o.layers,
            num_attention_heads=o.heads,
            intermediate_size=4 * o.hidden_size,
            max_position_embeddings=o.max_length,
            pad_token_id=self.tokenizer().pad_token_id,
            attention_probs_dropout_prob=0.0,  # lets torch use its fused attention, which takes no dropout
        )
        return BertModel(config, add_pooling_layer=False)

    def head_state(self) -> Mapping[str, Tensor]:
        """None: it starts from nothing."""
        return {}


def _train_wordpiece(texts: list[str], vocab_size: int) -> Tokenizer:
    """A lower-case WordPiece tokenizer; the same texts give the same one.

    The trainer of ``tokenizers`` numbers the pieces of one character within a word (``##a``) in the order of a hash
    map, and breaks ties by these numbers. So they are given to it beforehand, in the order of the alphabet.
    """
    normalizer = normalizers.BertNormalizer(lowercase=True)
    alphabet = _alphabet(map(normalizer.normalize_str, texts))
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        special_tokens=[*SPECIALS, *(f"##{char}" for char in alphabet)],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    trained = _untrained(models.WordPiece(unk_token="[UNK]"), normalizer)
    trained.train_from_iterator(texts, trainer)
    tokenizer = _untrained(models.WordPiece(trained.get_vocab(), unk_token="[UNK]"), normalizer)
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(SPECIALS)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def _untrained(model: models.Model, normalizer: normalizers.Normalizer) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def _alphabet(texts: Iterable[str]) -> list[str]:
    """The commonest characters but blanks, at most ``ALPHABET``, sorted."""
    counts = Counter[str]()
    for text in texts:
        counts.update(text)
    ranked = sorted((-count, char) for char, count in counts.items() if not char.isspace())
    return sorted(char for _, char in ranked[:ALPHABET])


def _wrap(tokenizer: Tokenizer, options: TinyOptions) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=options.max_length,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
