from pathlib import Path

import pytest

from qatk.api import DataError
from qatk.testing import PluginHost, check_component

LINES = [
    "id\tquestion\tcontext\tanswer",
    "a\tWho wrote it?\tAda wrote it in 1843.\tAda",
    "b\tWhen?\tAda wrote it in 1843.\t1843",
    "c\tWhy?\tNobody knows.\t",
]


def test_contract(tmp_path: Path) -> None:
    file = tmp_path / "dev.tsv"
    file.write_text("\n".join(LINES))
    check_component("dataset", "tsv", {"path": str(file)})


def test_a_misplaced_answer_is_named_with_its_line(tmp_path: Path, qatk_host: PluginHost) -> None:
    file = tmp_path / "dev.tsv"
    file.write_text("\n".join([*LINES[:2], "b\tWhen?\tAda wrote it.\t1843"]))
    dataset = qatk_host.build("dataset", "tsv", {"path": str(file)})
    with pytest.raises(DataError, match="'1843' does not occur in its context") as caught:
        dataset.load()
    assert caught.value.where == f"{file}:3"
