"""Answers as the pipeline of transformers gave them, written from its contract, one window after another.

Windows are the tokenizer's own; scores are start plus end logits, so that windows can be compared.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

Answer = tuple[int, int, str]


class Reference:
    """A question-answering checkpoint in a folder, by transformers alone."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForQuestionAnswering.from_pretrained(folder).eval()

    def answer(
        self, question: str, context: str, *, max_seq_len: int, doc_stride: int, max_answer_len: int, impossible: bool
    ) -> Answer:
        """Start, end and text of the best answer; 0, 0 and ``""`` for none."""
        right = self.tokenizer.padding_side == "right"
        encoded: Any = self.tokenizer(
            *((question, context) if right else (context, question)),
            truncation="only_second" if right else "only_first",
            max_length=max_seq_len,
            stride=doc_stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        best, none = (-float("inf"), (0, 0, "")), float("inf")
        for window, ids in enumerate(encoded["input_ids"]):
            names = [name for name in self.tokenizer.model_input_names if name in encoded]
            with torch.inference_mode():
                output = self.model(**{name: torch.tensor([encoded[name][window]]) for name in names})
            start, end = output.start_logits[0].tolist(), output.end_logits[0].tolist()
            null = ids.index(self.tokenizer.cls_token_id)
            none = min(none, start[null] + end[null])
            offsets, owners = encoded["offset_mapping"][window], encoded.sequence_ids(window)
            inside = [k for k, owner in enumerate(owners) if owner == (1 if right else 0)]
            for first in inside:
                for last in (k for k in inside if first <= k < first + max_answer_len):
                    score, (begin, stop) = start[first] + end[last], (offsets[first][0], offsets[last][1])
                    if score > best[0] and stop > begin:
                        best = score, (begin, stop, context[begin:stop])
        return (0, 0, "") if impossible and none > best[0] else best[1]
