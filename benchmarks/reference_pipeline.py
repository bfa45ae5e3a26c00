"""The question-answering pipeline of transformers, written from its contract: windows one by one, a matrix of spans.

Each window is tokenized with its question, run through the model by itself, and decoded from the outer product of its
start and end probabilities, as the pipeline did before transformers 5.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

LENGTH, SHARED, LONGEST = 384, 128, 15


class Pipeline:
    """A question-answering model with its tokenizer, called one question at a time."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = model.eval(), tokenizer

    def __call__(self, question: str, context: str) -> dict[str, Any]:
        """The best answer over all windows, by the probability within its own window."""
        windows: Any = self.tokenizer(
            question,
            context,
            truncation="only_second",
            max_length=LENGTH,
            stride=SHARED,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        best = {"score": 0.0, "start": 0, "end": 0, "answer": ""}
        for window, ids in enumerate(windows["input_ids"]):
            inside = np.array([owner == 1 for owner in windows.sequence_ids(window)])
            inside[ids.index(self.tokenizer.cls_token_id)] = True
            start, end = self._probabilities(windows, window, inside)
            start[0] = end[0] = 0.0
            spans = np.triu(np.outer(start, end))
            spans = np.tril(spans, LONGEST - 1)
            first, last = np.unravel_index(int(spans.argmax()), spans.shape)
            if spans[first, last] > best["score"]:
                begin, stop = windows.token_to_chars(window, first).start, windows.token_to_chars(window, last).end
                score = float(spans[first, last])
                best = {"score": score, "start": begin, "end": stop, "answer": context[begin:stop]}
        return best

    def _probabilities(self, windows: Any, window: int, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        names = [name for name in self.tokenizer.model_input_names if name in windows]
        with torch.inference_mode():
            output = self.model(**{name: torch.tensor([windows[name][window]]) for name in names})
        found = []
        for logits in (output.start_logits[0].numpy(), output.end_logits[0].numpy()):
            logits = np.where(inside, logits, -10000.0)
            weights = np.exp(logits - logits.max())
            found.append(weights / weights.sum())
        return found[0], found[1]
