"""Everything that authors of plugins import: ``Component``, ``Options``, the protocols, the types.

A component is created as ``Class(options)``; everything else arrives as method arguments, so that a unit test needs
only this module of qatk. Components are checked against the protocols after loading; they do not inherit from them.
"""

from __future__ import annotations

from qatk.component import AboveZero, Component, Fraction, Natural, NoOptions, Options, Positive
from qatk.errors import (
    DataError,
    DataWarning,
    FeatureError,
    HubUnreachable,
    ModelError,
    PluginError,
    QatkError,
    QatkWarning,
    StorageError,
    TrainingDiverged,
    UsageError,
)
from qatk.hookspecs import hookimpl
from qatk.plugins.model_types import HEAD_WEIGHTS, BackboneSpec, Batch, PairLogits, SpanLogits, TokenLogits
from qatk.plugins.optional import (
    AnswerSlicer,
    CalibratedDecoder,
    CappedAnswers,
    CheckpointModule,
    ComparisonReporter,
    CorpusMetric,
    DescribingTrainer,
    FeaturizerCaching,
    FittedDecoder,
    RawDataset,
    TitledSlicer,
    WholeDataset,
)
from qatk.plugins.parts import DatasetPart
from qatk.plugins.protocols import (
    Backbone,
    Dataset,
    Decoder,
    Featurizer,
    Head,
    Metric,
    Reporter,
    Slicer,
    SpanModule,
    Tokenizer,
    Tracker,
    Trainer,
)
from qatk.progress import advance, track
from qatk.results.run import RunResult
from qatk.types import (
    Answer,
    Examples,
    Features,
    NBest,
    Predictions,
    RawExamples,
    Span,
    SpanCandidates,
    Spans,
    SpanScores,
    TokenScores,
    TrainEvent,
)
from qatk.types.spans import WindowSpans, answers_of_spans, spans_of_window

# fmt: off
__all__ = [
    "HEAD_WEIGHTS",
    "AboveZero",
    "Answer",
    "AnswerSlicer",
    "Backbone",
    "BackboneSpec",
    "Batch",
    "CalibratedDecoder",
    "CappedAnswers",
    "CheckpointModule",
    "ComparisonReporter",
    "Component",
    "CorpusMetric",
    "DataError",
    "DataWarning",
    "Dataset",
    "DatasetPart",
    "Decoder",
    "DescribingTrainer",
    "Examples",
    "FeatureError",
    "Features",
    "Featurizer",
    "FeaturizerCaching",
    "FittedDecoder",
    "Fraction",
    "Head",
    "HubUnreachable",
    "Metric",
    "ModelError",
    "NBest",
    "Natural",
    "NoOptions",
    "Options",
    "PairLogits",
    "PluginError",
    "Positive",
    "Predictions",
    "QatkError",
    "QatkWarning",
    "RawDataset",
    "RawExamples",
    "Reporter",
    "RunResult",
    "Slicer",
    "Span",
    "SpanCandidates",
    "SpanLogits",
    "SpanModule",
    "SpanScores",
    "Spans",
    "StorageError",
    "TitledSlicer",
    "TokenLogits",
    "TokenScores",
    "Tokenizer",
    "Tracker",
    "TrainEvent",
    "Trainer",
    "TrainingDiverged",
    "UsageError",
    "WholeDataset",
    "WindowSpans",
    "advance",
    "answers_of_spans",
    "hookimpl",
    "spans_of_window",
    "track",
]
# fmt: on
