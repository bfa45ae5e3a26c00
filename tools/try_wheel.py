"""Build the wheel, install it alone into a new environment, and use it there: ``python tools/try_wheel.py``.

The environment has the wheel of qatk and nothing else; what it depends on comes from the environment that runs this
script, by a path file. pip checks, without an index, that the wheel's dependencies are satisfied by it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FACTS = "{use: facts, seed: %d, questions: 24}"
RECIPE = f"""
qatk: 1
backbone: {{use: tiny, hidden_size: 32, layers: 1}}
data: {{train: {FACTS % 1}, dev: {FACTS % 2}}}
featurizer: {{use: stride, max_length: 96, doc_stride: 32}}
trainer: {{use: torch, epochs: 1}}
"""
HOME = "import qatk, qatk_builtin; print(qatk.__file__, qatk_builtin.__file__, sep='\\n')"


def main() -> None:
    """Fails with the first step that fails."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name).resolve()
        python = installed(built(place / "dist"), place / "alone")
        for home in said([python, "-c", HOME], place).splitlines():
            assert Path(home).is_relative_to(place / "alone"), f"not the wheel: {home}"
        (place / "recipe.yaml").write_text(RECIPE)
        qatk = python.with_name("qatk")
        listed = said([qatk, "plugins", "list"], place)
        assert "min-null" in listed, listed
        said([qatk, "run", "recipe.yaml", "--out", "out"], place)
        assert "vegaEmbed" in (place / "out" / "report.html").read_text("utf-8")
        sys.stdout.write(
            f"{said([qatk, '--version'], place).strip()} from its wheel alone: installed, and a run made\n"
        )


def built(folder: Path) -> Path:
    """The wheel of this repository."""
    said([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], ROOT)
    (wheel,) = folder.glob("qatk-*.whl")
    return wheel


def installed(wheel: Path, folder: Path) -> Path:
    """The Python of a new environment with a wheel."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    Path(paths["purelib"], "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--force-reinstall"]
    said([*pip, "--no-deps", wheel], ROOT)
    said([*pip[:-1], wheel], ROOT)
    return python


def said(command: list[object], cwd: Path) -> str:
    """What a command prints; what it complains about goes on."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=cwd, env=environ, check=True, text=True, stdout=subprocess.PIPE).stdout


if __name__ == "__main__":
    main()
