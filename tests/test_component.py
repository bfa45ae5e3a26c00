"""What a plugin declares: the texts below the options of a component describe them."""

from __future__ import annotations

import linecache
from pathlib import Path
from typing import final

import pytest
from pydantic import Field, create_model

from qatk.component import LanguageOptions, Options

SOURCE = """
from qatk.component import Options

class Other(Options):
    size: int = 1
    '''of the other'''

class Own(Options):
    size: int = 1
    '''of its own'''
"""


def described(options: type[Options]) -> dict[str, str | None]:
    return {name: entry.get("description") for name, entry in options.model_json_schema()["properties"].items()}


def test_the_text_below_an_option_describes_it() -> None:
    @final
    class Here(
        LanguageOptions,
    ):
        """Defined in a function, decorated, and on several lines."""

        class Inner(Options):
            size: int = 2
            """of the inner class"""

        language: str | None = "de"
        """
        has a text
          of its own
        """
        bare: int = 3
        said: int = Field(default=4, description="said at once")
        """not this"""
        inner: Inner = Inner()
        """another model"""

    texts = described(Here)
    column = texts.pop("language_column") or ""
    assert column.startswith("Column of the data that names each question's normaliser")
    own = {"language": "has a text\n  of its own", "bare": None, "said": "said at once", "inner": "another model"}
    assert texts == own
    assert Here.model_json_schema()["$defs"]["Inner"]["properties"]["size"]["description"] == "of the inner class"


def test_the_source_is_read_when_a_schema_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    names = {"__name__": "own"}
    exec(compile(SOURCE, str(path), "exec"), names)
    assert described(names["Own"]) == {"size": None}  # type: ignore[arg-type]
    path.write_text(SOURCE)
    assert described(names["Own"]) == {"size": "of its own"}  # type: ignore[arg-type]
    path.write_text("class Own(: ...")
    assert described(names["Own"]) == {"size": None}  # type: ignore[arg-type]


def test_a_cell_of_a_notebook_has_its_texts_and_a_made_class_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = "<cell 1>"
    monkeypatch.setitem(linecache.cache, cell, (len(SOURCE), None, SOURCE.splitlines(True), cell))
    names = {"__name__": "__main__"}
    exec(compile(SOURCE, cell, "exec"), names)
    assert described(names["Own"]) == {"size": "of its own"}  # type: ignore[arg-type]
    assert described(create_model("Own", __base__=Options, size=(int, 1))) == {"size": None}
