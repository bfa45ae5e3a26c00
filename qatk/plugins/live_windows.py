"""Components at work that make windows and choose among them; see :mod:`qatk.plugins.live`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from qatk.plugins import optional, protocols, values
from qatk.plugins.adapter import Live
from qatk.plugins.model_types import BackboneSpec
from qatk.plugins.protocols import Tokenizer
from qatk.types import Examples, FeatureColumns, Features

CHOSEN = 1 << 13
"""Windows among which those to keep are copied at a time."""


class LiveFeaturizer(Live[protocols.Featurizer]):
    """Examples to windows."""

    @property
    def cacheable(self) -> bool:
        """Whether its windows may be kept from run to run."""
        return self.component.cacheable if isinstance(self.component, optional.FeaturizerCaching) else True

    def fitted(self, longest: int) -> dict[str, int]:
        """The sizes of windows to change for a model that takes so many tokens: none where they are short enough."""
        if self.option("max_length", 0) <= longest:
            return {}
        return {"max_length": longest, "doc_stride": min(self.option("doc_stride", 0), longest // 3)}

    def featurize(self, examples: Examples, tokenizer: Tokenizer, spec: BackboneSpec, *, split: str) -> Features:
        """Windows that belong to the examples; those of the split ``train`` carry targets."""
        targets = split == "train"
        with self.during(f"featurizing of {split}"):
            made = values.expect(self.component.featurize(examples, tokenizer, spec, targets=targets), Features)
            made.check(examples, targets=targets)
            values.check_windows(made, spec)
            return made

    def stream(self, examples: Examples, tokenizer: Tokenizer, spec: BackboneSpec) -> Iterator[Features]:
        """Windows to predict, in parts: all at once of a featurizer that does not stream."""
        if (stream := optional.stream_of(self.component)) is None:
            yield self.featurize(examples, tokenizer, spec, split="prediction")
            return
        last = 0
        with self.during("featurizing of prediction"):
            parts = iter(stream(examples, tokenizer, spec))
        while True:
            with self.during("featurizing of prediction"):
                if (part := next(parts, None)) is None:
                    return
                values.expect(part, Features).check(examples, targets=False)
                values.check_windows(part, spec)
                if part.example_index[0] < last:
                    raise ValueError(f"windows of the {part.example_index[0] + 1}th example after the {last + 1}th's")
                last = int(part.example_index[-1])
            yield part


class LiveRetriever(Live[protocols.Retriever]):
    """Chooses the windows that are scored."""

    def chosen(self, examples: Examples, features: Features) -> Features:
        """The windows to score of these, which are whole examples; their counts say how many were passed over."""
        with self.during("retrieval"):
            kept = values.column(self.component.keep(examples, features), len(features), np.bool_)
            values.check_kept(kept, features, examples)
        if kept.all():
            return features
        columns = FeatureColumns(targets=features.has_targets, spans=features.span_start is not None)
        for begin in range(0, len(features), CHOSEN):
            few = features.among(begin, min(begin + CHOSEN, len(features)))
            columns.append(few.take(np.flatnonzero(kept[begin : begin + CHOSEN])), 0)
            features.release()
        found = columns.features()
        sizes = {"windows": len(found), "tokens": len(found.input_ids), "windows_passed_over": int((~kept).sum())}
        return replace(found, counts={**features.counts, **sizes})

    def stream(self, examples: Examples, parts: Iterable[Features]) -> Iterator[Features]:
        """The windows to score out of a stream of them."""
        return (self.chosen(examples, few) for few in _whole_examples(parts))


def _whole_examples(parts: Iterable[Features]) -> Iterator[Features]:
    """The windows of all parts, in parts that hold all windows of each of their examples."""
    held: list[Features] = []
    for part in parts:
        last = int(part.example_index[-1])
        # The last example may go on in the next part.
        cut = int(np.searchsorted(part.example_index, last))
        if cut or (held and held[-1].example_index[-1] < last):
            yield _joined([*held, *([part.among(0, cut)] if cut else [])])
            held = []
        held.append(part.among(cut, len(part)))
    if held:
        yield _joined(held)


def _joined(parts: list[Features]) -> Features:
    if len(parts) == 1:
        return parts[0]
    columns = FeatureColumns(targets=False)
    for part in parts:
        columns.append(part, 0)
    return columns.features()
