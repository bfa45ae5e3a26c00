"""What a recipe may hold: its sections, each with the kind of component it names, and its plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qatk.component import Options
from qatk.plugins.registered import Registered

VERSION = 1


@dataclass(frozen=True)
class Section:
    """A place in a recipe that names components of one kind; ``default=None`` means that the user must choose."""

    kind: str
    default: Any = None
    many: bool = False
    required: bool = False


SLICERS = (
    "question-word",
    "answerable",
    "answer-length",
    "answer-position",
    "answer-occurrences",
    "context-length",
    "question-overlap",
    "article",
)
"""What a recipe that names no slicers groups questions by."""

REPORTERS = ("console", "markdown", "html")
"""What a recipe that names no reporters reports by."""

SECTIONS: dict[tuple[str, ...], Section] = {
    ("backbone",): Section("backbone", required=True),
    ("data", "train"): Section("dataset"),
    ("data", "dev"): Section("dataset", required=True),
    ("featurizer",): Section("featurizer", {"use": "stride"}),
    ("head",): Section("head", {"use": "linear"}),
    ("trainer",): Section("trainer", {"use": "torch"}),
    ("decoder",): Section("decoder", {"use": "min-null"}),
    ("metrics",): Section("metric", [{"use": "squad"}], many=True),
    ("slicers",): Section("slicer", [{"use": name} for name in SLICERS], many=True),
    ("reporters",): Section("reporter", [{"use": name} for name in REPORTERS], many=True),
    ("trackers",): Section("tracker", [{"use": "jsonl"}], many=True),
}

SCALARS: dict[str, tuple[type, Any, str]] = {
    "qatk": (int, VERSION, "the version of the recipe's form"),
    "seed": (int, 13, "everything random follows from it"),
    "keep_best": (str, "f1", "the dev metric whose best epoch is kept; null keeps the last epoch"),
}
"""Keys of a recipe that hold a plain value: type, default, meaning."""


@dataclass(frozen=True)
class Choice:
    """A component that a recipe chose, with its checked options."""

    registered: Registered
    use: str
    options: Options

    def filled(self) -> dict[str, Any]:
        """The choice as a recipe writes it, every default included."""
        return {"use": self.use, **self.options.model_dump(mode="json")}
