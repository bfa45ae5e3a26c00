"""Small SQuAD files, and what reading them says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qatk.errors import DataError, QatkError
from qatk_builtin.datasets.squad import read_squad

CONTEXT = "Ann met Bob in Oslo. Ann left Oslo in May."


def qa(name: str, *answers: tuple[str, Any], **more: Any) -> dict[str, Any]:
    listed = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": name, "question": f"Question {name}?", "answers": listed, **more}


def document(*qas: dict[str, Any], context: str = CONTEXT) -> dict[str, Any]:
    return {"version": "v2.0", "data": [{"title": "T", "paragraphs": [{"context": context, "qas": list(qas)}]}]}


def write(folder: Path, content: Any, name: str = "dev.json") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def failure(path: Path, kind: type[QatkError] = DataError, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        read_squad(path, **options)
    assert str(path) in str(caught.value)
    return str(caught.value)
