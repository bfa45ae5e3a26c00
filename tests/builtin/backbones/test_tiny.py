from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest
import torch

from qatk.api import UsageError
from qatk_builtin.backbones import TinyOptions
from qatk_builtin.backbones.tiny import TinyBackbone
from repository import SUPPORT
from stride_tools import CORPUS
from tiny_cases import prepared

DIGEST = """
import hashlib
from tiny_cases import prepared
print(hashlib.sha256(prepared().tokenizer().backend_tokenizer.to_str().encode()).hexdigest())
"""


def test_the_spec_is_what_was_asked_for() -> None:
    spec = prepared().spec()
    assert (spec.hidden_size, spec.max_length, spec.padding_side) == (16, 40, "right")
    assert (spec.pad_id, spec.null_id, spec.has_type_ids) == (0, 2, True)


def test_pairs_are_joined_as_bert_joins_them() -> None:
    tokenizer = prepared().tokenizer()
    pair = tokenizer("who wrote it", "Ada LOVELACE")
    tokens = tokenizer.convert_ids_to_tokens(pair["input_ids"])
    assert tokens[0] == "[CLS]"
    assert [k for k, token in enumerate(tokens) if token == "[SEP]"][-1] == len(tokens) - 1
    middle = tokens.index("[SEP]")
    assert pair["token_type_ids"] == [0] * (middle + 1) + [1] * (len(tokens) - middle - 1)
    assert tokenizer.decode(pair["input_ids"], skip_special_tokens=True) == "who wrote it ada lovelace"
    assert tokenizer.is_fast


def test_every_letter_of_the_training_text_is_known() -> None:
    tokenizer = prepared().tokenizer()
    for text in CORPUS:
        assert tokenizer.unk_token_id not in tokenizer(text)["input_ids"]


def test_pieces_of_the_vocabulary_are_no_special_tokens() -> None:
    tokenizer = prepared().tokenizer()
    assert tokenizer.tokenize("##a") != ["##a"]
    assert sorted(tokenizer.all_special_tokens) == ["[CLS]", "[MASK]", "[PAD]", "[SEP]", "[UNK]"]


def test_the_same_text_gives_the_same_tokenizer_in_another_process() -> None:
    here = hashlib.sha256(prepared().tokenizer().backend_tokenizer.to_str().encode()).hexdigest()
    environment = os.environ | {"PYTHONPATH": str(SUPPORT), "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", DIGEST], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == here


def test_the_same_seed_gives_the_same_weights() -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return torch.cat([p.flatten() for p in prepared().encoder().parameters()])

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))


def test_the_encoder_takes_the_longest_window() -> None:
    tiny = prepared()
    assert tiny.encoder()(input_ids=torch.full((1, 40), 5)).last_hidden_state.shape == (1, 40, 16)
    assert tiny.head_state() == {}


def test_no_training_text_and_odd_shapes_are_the_users_mistake() -> None:
    with pytest.raises(UsageError, match="makes its vocabulary from training text"):
        TinyBackbone(TinyOptions()).prepare(None)
    with pytest.raises(UsageError, match="no multiple of heads"):
        prepared(heads=3).encoder()
