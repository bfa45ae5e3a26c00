"""The packages of examples/plugins: installed into one place, tested, run, and without influence on other runs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.build import build_wheel

from commands import PYTEST, call, forked_python
from repository import ROOT
from small import write_recipe

EXAMPLES = sorted((ROOT / "examples" / "plugins").iterdir())
KINDS = {
    "dataset tsv",
    "decoder short",
    "head mlp",
    "reporter latex",
    "slicer negation",
    "tracker tsv-log",
    "trainer averaged",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what is in the wheels of all of them: what pip installs."""
    folder = tmp_path_factory.mktemp("examples")
    for example in EXAMPLES:
        assert 'build-backend = "hatchling.build"\n' in (example / "pyproject.toml").read_text()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(shutil.copytree(example, folder / "source" / example.name))
            wheel = folder / build_wheel(str(folder))
        with ZipFile(wheel) as packed:
            packed.extractall(folder / "site")
    return folder / "site"


def test_there_is_one_of_each(site: Path, tmp_path: Path) -> None:
    listed = json.loads(call("qatk", "plugins", "list", "--json", cwd=tmp_path, paths=[site]).stdout)
    assert listed["broken"] == []
    assert {f"{row['kind']} {row['name']}" for row in listed["components"]} >= KINDS


def test_the_decoder_fits_on_a_page() -> None:
    file = next(example for example in EXAMPLES if "decoder" in example.name) / "qatk_short_decoder.py"
    lines = file.read_text().splitlines()
    assert len(lines) <= 40
    imported = {line.split()[1].split(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert imported == {"numpy", "qatk"}


def test_their_tests_pass(site: Path) -> None:
    tests = [str(example / "tests") for example in EXAMPLES]
    options = ["-q", "--import-mode=importlib", "--rootdir", str(site)]
    done = call(*PYTEST, *options, "-c", "/dev/null", *tests, cwd=site, paths=[site])
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


def test_none_ails(site: Path, tmp_path: Path) -> None:
    done = call("qatk", "plugins", "doctor", cwd=tmp_path, paths=[site], FORKED_PYTHON=forked_python("light"))
    assert done.returncode == 0, done.stdout


def test_all_of_them_in_one_run(site: Path, tmp_path: Path) -> None:
    recipe = json.loads(write_recipe(tmp_path, train=48, dev=16, epochs=1).read_text())
    rows = ["id\tquestion\tcontext\tanswer"]
    for paragraph in json.loads((tmp_path / "dev.json").read_text())["data"][0]["paragraphs"]:
        for qa in paragraph["qas"]:
            answer = qa["answers"][0]["text"] if qa["answers"] else ""
            rows.append("\t".join((qa["id"], qa["question"], paragraph["context"], answer)))
    (tmp_path / "dev.tsv").write_text("\n".join(rows))
    recipe["data"]["dev"] = {"use": "tsv", "path": str(tmp_path / "dev.tsv")}
    recipe |= {"head": {"use": "mlp", "width": 16}, "decoder": {"use": "short"}, "slicers": [{"use": "negation"}]}
    recipe |= {"trackers": [{"use": "jsonl"}, {"use": "tsv-log"}]}
    recipe["trainer"] |= {"use": "averaged", "decay": 0.5}
    (tmp_path / "all.yaml").write_text(json.dumps(recipe))
    done = call("qatk", "run", "all.yaml", "--out", "out", cwd=tmp_path, paths=[site])
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    brought = {c["name"]: (c["distribution"], c["version"]) for c in manifest["components"]}
    assert brought["short"] == ("qatk-short-decoder", "0.1.0")
    assert all(len(c["source"]) == 64 for c in manifest["components"])
    assert (tmp_path / "out" / "tsv_log.tsv").read_text().startswith("step\tepoch\tloss")
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["total"] == 16


def test_installing_them_changes_no_run_by_a_byte(site: Path, tmp_path: Path) -> None:
    write_recipe(tmp_path, train=48, dev=16, epochs=1)
    for name, paths in (("without", []), ("with", [site])):
        done = call("qatk", "run", "recipe.yaml", "--out", name, cwd=tmp_path, paths=paths)
        assert done.returncode == 0, done.stderr
    names = ["recipe.yaml", "predictions.json", "null_odds.json", "metrics.json", "examples.parquet"]
    names += [f"model/{path.name}" for path in (tmp_path / "without" / "model").iterdir()]
    assert len(names) > 6
    for name in names:
        without, held = ((tmp_path / folder / name).read_bytes() for folder in ("without", "with"))
        assert without == held, name


def test_a_comparison_as_a_latex_table(site: Path, tmp_path: Path) -> None:
    folder = ROOT / "examples" / "compare"
    words = ["compare", *(str(folder / f"{name}.json") for name in ("bold", "careful"))]
    words += ["--data", str(folder / "dev.json"), "--draws", "1000", "--report", "latex=table.tex"]
    front = ROOT / "examples" / "plugins" / "qatk-latex-reporter" / "qatk_latex" / "__init__.py"
    done = call("qatk", "--plugin", front, *words, cwd=tmp_path)  # nothing of it is installed
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("bold against careful")
    lines = (tmp_path / "table.tex").read_text().splitlines()
    assert lines[0].startswith("% ")
    assert "No clear difference" in lines[0]
    assert lines[4] == r"\begin{tabular}{lrrrr}"
    assert [line.split(" & ")[0] for line in lines[6:10]] == ["System", r"\hline", "bold", "careful"]
    assert re.fullmatch(r"careful( & \d+\.\d( \(\d+\.\d--\d+\.\d\))?){4} \\\\", lines[9])
    printed = call("qatk", *words[:-1], "latex=-", cwd=tmp_path, paths=[site])
    assert printed.stdout.splitlines() == lines
    page = (ROOT / "docs" / "how-to" / "compare.md").read_text("utf-8")
    (package,) = re.findall(r"^\$ pip install \./(\S*latex\S*)$", page, re.M)
    assert (ROOT / package / "pyproject.toml").is_file()
    assert f"$ qatk compare runs/a runs/b {' '.join(words[-2:])}" in page
