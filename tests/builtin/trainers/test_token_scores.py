"""Scores of tokens, and all spans of an answer, through the trainer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from model_tools import windows
from qatk_builtin.heads import TaggerOptions
from qatk_builtin.heads.tagger import TaggerHead
from qatk_builtin.trainers.pytorch.batches import make_batch
from trainer_tools import LENGTHS, backbone, trainer


def test_scores_of_tokens_stand_where_their_tokens_stand(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec())
    engine = trainer(batch_tokens=60)
    model = engine.assemble(hf, TaggerHead(TaggerOptions()), seed=1)
    scores = engine.predict(model, features)
    scores.check(features)
    assert scores.tokens is not None
    assert scores.tokens.begin is not None
    assert ((scores.tokens.inside > -np.inf) == (features.char_start >= 0)).all()
    row = 3
    batch = make_batch(features, np.array([row]), hf.spec(), torch.device("cpu"))
    with torch.inference_mode():
        output = model.eval()(batch)
    tokens = slice(int(features.token_offsets[row]), int(features.token_offsets[row + 1]))
    for name, due in (("inside", output.inside), ("begin", output.begin)):
        found = getattr(scores.tokens, name)[tokens]
        np.testing.assert_allclose(found, due[0, : len(found)], atol=1e-5)
    single = engine.predict(engine.assemble(hf, TaggerHead(TaggerOptions(tags="io")), seed=1), features)
    assert single.tokens is not None
    assert single.tokens.begin is None


def test_a_batch_has_all_spans_of_its_windows(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec())
    assert features.start_target is not None
    rows = np.array([4, 1])
    assert make_batch(features, rows, hf.spec(), torch.device("cpu")).span_target is None
    spans = replace(
        features,
        span_offsets=np.array([0, 0, 2, 2, 2, 3, 3, 3, 3]),
        span_start=np.array([5, 7, 6], np.int32),
        span_end=np.array([5, 8, 9], np.int32),
    )
    for side in ("right", "left"):
        batch = make_batch(spans, rows, replace(hf.spec(), padding_side=side), torch.device("cpu"))
        shift = (batch.token_mask.int().argmax(1)).tolist()
        due = [[0, 6 + shift[0], 9 + shift[0]], [1, 5 + shift[1], 5 + shift[1]], [1, 7 + shift[1], 8 + shift[1]]]
        assert batch.span_target is not None
        assert batch.span_target.tolist() == due
        assert [column.tolist() for column in batch.spans()] == [list(column) for column in zip(*due, strict=True)]
