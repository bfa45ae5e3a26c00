"""The ``stride`` featurizer: windows that overlap, over contexts too long for the model.

A question is stripped on the left and cut first; then only the context is divided. The windows, ids, type ids
and characters equal those of the tokenizer's own pair encoding with ``return_overflowing_tokens``.

A plugin's featurizer may be a subclass of :class:`StrideFeaturizer`, its options one of
:class:`qatk_builtin.featurizers.StrideOptions`. Both may rely on the options that there are, the methods ``featurize``
and ``stream`` and the attribute ``options``, which stay as they are for as long as the version of qatk's hooks
(``QATK_API``) does. All else in this module is for qatk alone, and may change with any version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from qatk.api import BackboneSpec, DataError, Examples, FeatureError, Features, ModelError, Tokenizer
from qatk.types import Bool, FeatureColumns, Float64, Int64, ragged
from qatk_builtin.featurizers import StrideOptions
from qatk_builtin.featurizers.splicing import Reader
from qatk_builtin.featurizers.targets import GoldSpans, place_answers, window_answers, window_spans
from qatk_builtin.featurizers.windows import Source, Windows, place_of, plan_windows, splice

STREAMED = 1 << 13
"""Windows that are made together for a prediction."""


class StrideFeaturizer:
    """Overlapping windows over each context, with character spans and targets.

    ``Features.counts`` has:

    - ``questions_cut``: questions longer than ``max_question_length``;
    - ``windows``, ``tokens``: what there is in the end;
    - ``spliced``: 1 where each distinct string was tokenized once, 0 where pair by pair;

    and where gold is known:

    - ``answers``: gold answers, all references counted;
    - ``answers_unplaced``: those whose place is unknown or that no token covers;
    - ``answers_off_token_boundary``: those whose tokens, turned back into text, give more or less than the answer;
    - ``answers_longer_than_window``: those with more tokens than a window has room for;
    - ``answers_unreachable``: answerable questions none of whose answers lies wholly inside any window;
    - ``impossible_windows``: windows without an answer, before any is dropped;
    - ``windows_dropped``, ``questions_dropped``: what ``impossible_windows`` took away.
    """

    def __init__(self, options: StrideOptions) -> None:
        self.options = options

    def featurize(self, examples: Examples, tokenizer: Tokenizer, spec: BackboneSpec, *, targets: bool) -> Features:
        """Make the windows; see :class:`qatk.api.Featurizer`.

        Raises:
            ModelError: the tokenizer is not a fast one, or has no token for "no answer".
            FeatureError: the options leave no room for context, or no window.
            DataError: targets are wanted of examples without gold.
        """
        self._check(examples, tokenizer, spec, targets)
        reader = Reader(examples, tokenizer, spec, self.options.max_question_length)
        draws = np.random.default_rng(0)
        counts: Counter[str] = Counter()
        several = examples.answer_span is not None
        columns = FeatureColumns(targets=examples.has_gold, spans=several)
        for rows, source in reader.parts():
            few = examples if rows == slice(0, len(examples)) else examples.take(range(rows.start, rows.stop))
            features = self._part(few, source, spec, draws if targets else None, counts, several)
            columns.append(features, rows.start)
        features = columns.features()
        if targets and len(examples) and not len(features):
            raise self._nothing_left()
        sizes = {"windows": len(features), "tokens": len(features.input_ids), "spliced": int(reader.spliced)}
        return replace(features, counts={**counts, **sizes})

    def stream(self, examples: Examples, tokenizer: Tokenizer, spec: BackboneSpec) -> Iterator[Features]:
        """The windows without targets, up to ``STREAMED`` at a time; see :class:`qatk.api.StreamingFeaturizer`."""
        self._check(examples, tokenizer, spec, targets=False)
        for rows, source in Reader(examples, tokenizer, spec, self.options.max_question_length).parts():
            room = self._room(examples.id[rows], source)
            windows = plan_windows(source.contexts.lengths[source.context_row], room, self.options.doc_stride)
            for low in range(0, len(windows.example), STREAMED):
                few = windows.take(np.arange(low, min(low + STREAMED, len(windows.example))))
                part = _build(source, few, spec)
                yield replace(part, example_index=part.example_index + np.int32(rows.start))

    def _part(
        self,
        examples: Examples,
        source: Source,
        spec: BackboneSpec,
        draws: Generator | None,
        counts: Counter[str],
        several: bool,
    ) -> Features:
        """The windows of some examples; what there is to count is added to ``counts``.

        ``several`` says whether any answer of all examples has several spans.
        """
        room = self._room(examples.id, source)
        windows = plan_windows(source.contexts.lengths[source.context_row], room, self.options.doc_stride)
        counts["questions_cut"] += int((source.question_size < _full_question_size(source)).sum())
        if not examples.has_gold:
            return _build(source, windows, spec)
        spans = place_answers(examples, source.contexts, source.context_row)
        answer = window_answers(examples, spans, windows)
        counts.update(_count_gold(examples, spans, windows, answer, room))
        if draws is not None:
            kept = self._thin(examples, windows, answer, draws)
            counts["windows_dropped"] += len(windows.example) - len(kept)
            counts["questions_dropped"] += len(examples) - len(np.unique(windows.example[kept]))
            windows, answer = windows.take(kept), answer[kept]
        features = _with_targets(_build(source, windows, spec), source, windows, spans, answer)
        return (
            _with_spans(features, source, windows, spans, *window_spans(examples, spans, windows))
            if several
            else features
        )

    def _check(self, examples: Examples, tokenizer: Tokenizer, spec: BackboneSpec, targets: bool) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError(
                f"the tokenizer of {spec.name} is {type(tokenizer).__name__}, which is not a fast one: "
                "it does not say which characters a token covers",
                fix="choose a model with a tokenizer.json",
            )
        if self.options.max_length > spec.max_length:
            raise FeatureError(
                f"max_length {self.options.max_length} is more than the {spec.max_length} tokens {spec.name} takes",
                fix=f"set max_length to {spec.max_length} or less",
            )
        if targets and not examples.has_gold:
            raise DataError("these examples carry no gold answers to train on", fix="train on data with answers")

    def _room(self, ids: Sequence[str], source: Source) -> Int64:
        """int64[n]: how many context tokens a window of each example holds; more than ``doc_stride``."""
        o = self.options
        specials = source.template.specials
        room = o.max_length - specials - source.question_size
        if not len(room) or room.min() > o.doc_stride:
            return room
        row = int(room.argmin())
        left, question = int(room[row]), int(source.question_size[row])
        takes = f"of max_length {o.max_length} the question takes {question} tokens and the special tokens {specials}"
        if left <= 0:
            raise FeatureError(
                f"the question is longer than the window: {takes}, which leaves no room for the context",
                where=f"example {ids[row]}",
                fix=f"raise max_length, or lower max_question_length (now {o.max_question_length})",
            )
        raise FeatureError(
            f"doc_stride {o.doc_stride} is not less than the room for the context: {takes}, which leaves {left}",
            where=f"example {ids[row]}",
            fix=f"lower doc_stride below {left}, raise max_length, or lower max_question_length "
            f"(now {o.max_question_length})",
        )

    def _thin(self, examples: Examples, windows: Windows, answer: Int64, draws: Generator) -> Int64:
        """The windows to train on: those with an answer, and of the others what ``impossible_windows`` says."""
        option = self.options.impossible_windows
        if option == "keep":
            return np.arange(len(answer))
        keep = answer >= 0
        if option != "drop":
            draw = draws.random(len(answer))
            keep |= draw < option
            keep |= _lowest_draw(windows.example, draw) & ~examples.has_answer[windows.example]
        return np.flatnonzero(keep)

    def _nothing_left(self) -> FeatureError:
        option = self.options.impossible_windows
        return FeatureError(
            f"no window holds an answer, so that impossible_windows: {option} leaves nothing to train on",
            fix="set impossible_windows to keep, or to a fraction",
        )


def _full_question_size(source: Source) -> Int64:
    return source.questions.lengths[source.question_row]


def _lowest_draw(example: Int64, draw: Float64) -> Bool:
    """bool[F]: the window with the lowest draw of each example."""
    # By example, then draw: the first of each run has the lowest.
    order = np.lexsort((draw, example))
    lowest = np.zeros(len(order), np.bool_)
    lowest[order[ragged.begins(example[order])]] = True
    return lowest


def _count_gold(examples: Examples, spans: GoldSpans, windows: Windows, answer: Int64, room: Int64) -> dict[str, int]:
    assert examples.answer_offsets is not None
    room_of_answer = np.repeat(room, np.diff(examples.answer_offsets))
    reached = np.zeros(len(examples), np.bool_)
    reached[windows.example[answer >= 0]] = True
    return {
        "answers": len(spans.placed),
        "answers_unplaced": int((~spans.placed).sum()),
        "answers_off_token_boundary": int((spans.placed & ~spans.exact).sum()),
        "answers_longer_than_window": int((spans.placed & (spans.last - spans.first >= room_of_answer)).sum()),
        "answers_unreachable": int((examples.has_answer & ~reached).sum()),
        "impossible_windows": int((answer < 0).sum()),
    }


def _build(source: Source, windows: Windows, spec: BackboneSpec) -> Features:
    """The windows' tokens and the place of their null token."""
    null = source.template.find(spec.null_id)
    if null is None:
        raise ModelError(
            f'the tokenizer of {spec.name} adds no token {spec.null_id}, which is to stand for "no answer"',
            fix="choose a model whose tokenizer adds a CLS or BOS token to every pair",
        )
    offsets, ids, types, char_start, char_end = splice(source, windows)
    return Features(
        example_index=windows.example.astype(np.int32),
        token_offsets=offsets,
        input_ids=ids,
        type_ids=types if spec.has_type_ids else np.zeros_like(types),
        char_start=char_start,
        char_end=char_end,
        null_index=(place_of(source, windows, null[0]) + null[1]).astype(np.int32),
    )


def _with_targets(features: Features, source: Source, windows: Windows, spans: GoldSpans, answer: Int64) -> Features:
    """The features with targets: ``answer`` is each window's answer, -1 for none."""
    shift = _shift(source, windows)
    null = features.null_index.astype(np.int64)
    if not len(spans.first):
        return replace(features, start_target=features.null_index, end_target=features.null_index)
    first, last = (np.where(answer >= 0, token[answer] + shift, null) for token in (spans.first, spans.last))
    return replace(features, start_target=first.astype(np.int32), end_target=last.astype(np.int32))


def _with_spans(
    features: Features, source: Source, windows: Windows, spans: GoldSpans, answer: Int64, offsets: Int64
) -> Features:
    """The features with all spans of each window's answer: those of the answers from ``offsets`` on."""
    shift = _shift(source, windows)[ragged.owners(offsets)]
    first, last = ((token[answer] + shift).astype(np.int32) for token in (spans.first, spans.last))
    return replace(features, span_offsets=offsets, span_start=first, span_end=last)


def _shift(source: Source, windows: Windows) -> Int64:
    """int64[F]: from places within a context to those within each of its windows."""
    kinds = [piece.kind for piece in source.template.pieces]
    return place_of(source, windows, kinds.index("context")) - windows.start
