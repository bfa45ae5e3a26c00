"""Tokenizers whose offsets lose letters, as published ones did: a blank that is put before a word is trimmed off it."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from stride_tools import CORPUS


def losing(*, each_word: bool) -> PreTrainedTokenizerFast:
    """Byte-level BPE that loses the first letter of words that are one token; or only that of each text."""
    tokenizer = Tokenizer(models.BPE())
    bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=True)
    parts = [pre_tokenizers.WhitespaceSplit(), bytes_of]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts) if each_word else bytes_of
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    # The blank was added, yet add_prefix_space says that it was not: trimming takes the first letter in its place.
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_input_names=["input_ids", "attention_mask"],
        pad_token="<pad>",
        cls_token="<s>",
        sep_token="</s>",
        bos_token="<s>",
    )


def put_into(folder: Path, *, each_word: bool) -> Path:
    """Give a model on disk such a tokenizer in place of its own."""
    losing(each_word=each_word).save_pretrained(folder)
    return folder
