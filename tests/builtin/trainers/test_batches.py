from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_tools import windows
from qatk.types import batches_by_length
from qatk_builtin.trainers.pytorch.batches import POOL, make_batch, shares, training_batches
from trainer_tools import LENGTHS, backbone


@settings(max_examples=60)
@given(
    st.lists(st.integers(5, 60), min_size=1, max_size=300),
    st.integers(1, 5),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_an_epoch_has_every_window_once_in_full_batches(
    lengths: list[int], batch_size: int, seed: int, epoch: int
) -> None:
    batches = training_batches(np.array(lengths), batch_size, seed, epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    sizes = sorted((len(batch) for batch in batches), reverse=True)
    assert len(sizes) == math.ceil(len(lengths) / batch_size)
    assert set(sizes[:-1]) <= {batch_size}
    again = training_batches(np.array(lengths), batch_size, seed, epoch)
    assert [b.tolist() for b in batches] == [b.tolist() for b in again]


def test_batches_are_of_like_length_and_differ_by_epoch_and_seed() -> None:
    lengths = np.random.default_rng(0).integers(20, 384, POOL * 8 * 3)
    batches = training_batches(lengths, 8, 0, 0)
    padded = sum(lengths[batch].max() * len(batch) for batch in batches)
    assert padded < 1.05 * lengths.sum()
    orders = {np.concatenate(training_batches(lengths, 8, *key)).tobytes() for key in ((0, 0), (0, 1), (1, 0))}
    assert len(orders) == 3
    maxima = [lengths[batch].max() for batch in batches]
    assert maxima != sorted(maxima)


def test_windows_of_one_length_meet_others_in_every_epoch() -> None:
    lengths = np.full(POOL * 4 * 2, 20)
    epochs = [{frozenset(batch.tolist()) for batch in training_batches(lengths, 4, 0, epoch)} for epoch in range(2)]
    assert len(epochs[0] & epochs[1]) < 4  # of 100 batches
    neighbours = [np.diff(np.sort(list(batch))).tolist() == [1, 1, 1] for batch in epochs[0]]
    assert sum(neighbours) < 4
    whole_set = [max(batch) - min(batch) > POOL * 4 for batch in epochs[0]]
    assert any(whole_set)  # windows are shuffled before they are put into pools


@given(st.lists(st.integers(1, 60), min_size=1, max_size=100), st.integers(1, 200))
def test_prediction_batches_keep_the_budget(lengths: list[int], tokens: int) -> None:
    batches = batches_by_length(np.array(lengths), tokens)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[k] for k in batch) * len(batch) <= tokens


@given(st.integers(1, 20), st.integers(1, 5), st.integers(1, 4))
def test_the_shares_of_a_step_are_the_whole_step(size: int, processes: int, parts: int) -> None:
    rows = np.arange(100, 100 + size)
    given_out = [shares(rows, rank, processes, parts) for rank in range(processes)]
    assert len({len(each) for each in given_out}) == 1
    assert all(len(part) for each in given_out for part, _ in each)
    worked = [part for each in given_out for part, weight in each if weight]
    assert sorted(np.concatenate(worked).tolist()) == rows.tolist()
    assert sum(weight for each in given_out for _, weight in each) == pytest.approx(1)


@pytest.mark.parametrize("form", ["bert", "left"])
def test_padding_moves_every_position_with_its_tokens(form: str, tmp_path: Path) -> None:
    spec = backbone(tmp_path, form).spec()
    features = windows(LENGTHS, spec)
    rows = np.array([2, 0, 5])
    batch = make_batch(features, rows, spec, torch.device("cpu"))
    assert batch.start_target is not None
    assert features.start_target is not None
    for k, row in enumerate(rows):
        kept = batch.token_mask[k]
        begin, end = features.token_offsets[row], features.token_offsets[row + 1]
        assert batch.inputs["input_ids"][k][kept].tolist() == features.input_ids[begin:end].tolist()
        assert batch.context_mask[k][kept].tolist() == (features.char_start[begin:end] >= 0).tolist()
        assert (batch.inputs["input_ids"][k][~kept] == spec.pad_id).all()
        assert not batch.context_mask[k][~kept].any()
        assert torch.equal(batch.inputs["attention_mask"][k].bool(), kept)
        assert batch.inputs["input_ids"][k, batch.null_index[k]] == spec.null_id
        first = int(batch.start_target[k])
        assert batch.inputs["input_ids"][k, first] == features.input_ids[begin + features.start_target[row]]
        assert bool(kept[-1 if form == "left" else 0])
