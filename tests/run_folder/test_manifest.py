"""The manifest: what is written is read back, the form before is still read, and one message for what is malformed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qatk.errors import RunFolderError
from qatk.run_folder.manifest import (
    Best,
    CalibrationRecord,
    ClustersRecord,
    ComponentRecord,
    DataRecord,
    Identity,
    Manifest,
    StageRecord,
    read_manifest,
    write_manifest,
)

FULL = Manifest(
    identity=Identity(recipe="abc", limit=5),
    name="run",
    recipe={"seed": 13},
    components=(ComponentRecord(kind="head", name="h", plugin="p", distribution="d", version="1", source="s"),),
    data={"dev": DataRecord(digest="x", questions=3)},
    model={"device": "cpu"},
    best=Best(metric="f1", value=50.0),
    calibration=CalibrationRecord(clusters=ClustersRecord(kind="article", count=9, unnamed=0), thresholds=(0.5, -1.0)),
    stages={"features": StageRecord(seconds=1.5, counts={"n": 1}, groups={"dev": {"windows": 7}})},
    peak_memory_bytes=9,
)
FORM_1 = {
    "format": 1,
    "name": "old",
    "identity": {"recipe": "abc", "limit": None},
    "components": [
        {"kind": "head", "name": "linear", "plugin": "bert", "distribution": "qatk", "version": "0.1.0", "source": "f"}
    ],
    "stages": {
        "data": {"seconds": 1.0, "counts": {"train_questions": 9, "dev_contexts": 2}},
        "score": {"seconds": 2.0, "counts": {"out_of_reach_cap": 3, "longest_answer": 44}},
    },
}


@pytest.mark.parametrize("manifest", [FULL, Manifest(identity=Identity(recipe="abc"))])
def test_what_is_written_is_read_back(manifest: Manifest, tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest


def test_whole_numbers_stay_whole(tmp_path: Path) -> None:
    write_manifest(tmp_path, FULL)
    assert '"windows": 7\n' in (tmp_path / "manifest.json").read_text()


def test_the_form_before_is_read(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(FORM_1))
    found = read_manifest(tmp_path)
    assert found.stages["data"].groups == {"train": {"questions": 9}, "dev": {"contexts": 2}}
    assert found.stages["score"].groups == {"out_of_reach": {"cap": 3}}
    assert found.stages["score"].counts == {"longest_answer": 44}
    assert found.components[0].source == "", "its digest was of one file, and says nothing of today's"


def test_clusters_that_are_a_word_are_their_kind(tmp_path: Path) -> None:
    calibration = {"clusters": "article", "thresholds": [0.5, -1.0]}
    (tmp_path / "manifest.json").write_text(json.dumps({**FORM_1, "calibration": calibration}))
    assert read_manifest(tmp_path).calibration == CalibrationRecord(
        clusters=ClustersRecord(kind="article"), thresholds=(0.5, -1.0)
    )


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"stages": {"train": {"seconds": "soon"}}}, "stages.train.seconds"),
        ({"stages": []}, "stages"),
        ({"identity": {"limit": 3}}, "identity.recipe"),
        ({"data": {"dev": {}}}, "data.dev.digest"),
        ({"components": [{"kind": "head"}]}, "components.0.name"),
        ({"recipe": {"launcher": 3}}, "recipe"),
        ({"recipe": {"metrics": [{}]}}, "recipe"),
        ({"calibration": {"clusters": "article", "thresholds": [1]}}, "calibration.thresholds"),
    ],
)
@pytest.mark.parametrize("form", [1, 2])
def test_a_malformed_manifest_is_named_with_the_place(
    form: int, change: dict[str, Any], where: str, tmp_path: Path
) -> None:
    content = {"format": form, "identity": {"recipe": "abc"}, **change}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(RunFolderError) as caught:
        read_manifest(tmp_path)
    assert f"manifest.json cannot be read: {where}" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


def test_passwords_and_tokens_are_not_written_down(tmp_path: Path) -> None:
    data = {"use": "hub", "name": "https://user:hunter2@hub.example/set", "token": "hunter2", "columns": ["hunter"]}
    manifest = Manifest(
        identity=Identity(recipe="abc"), recipe={"data": {"dev": data}}, model={"url": "s3://a:hunter2@b"}
    )
    write_manifest(tmp_path, manifest)
    assert "hunter2" not in (tmp_path / "manifest.json").read_text()
    kept = read_manifest(tmp_path).recipe["data"]["dev"]
    assert kept == {**data, "name": "https://***@hub.example/set", "token": "***"}
    assert "hunter2" not in str(manifest.plain())
