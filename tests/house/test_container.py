"""The Dockerfile, as far as it can be checked without Docker: its rules, and the wheel that it builds."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from qatk.server.connections import GRACE, LINGER
from qatk.server.limits import Limits
from repository import ROOT

LINES = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text("utf-8")).splitlines()
STEPS = [line.split(maxsplit=1) for line in LINES if line and not line.startswith("#")]


def steps(name: str) -> list[str]:
    return [rest for step, rest in STEPS if step == name]


def _copy(source: Path, target: Path) -> None:
    """As Docker does: what is in a folder, or a file into a folder."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


def test_it_runs_as_a_user_without_rights() -> None:
    assert [step for step, _ in STEPS].index("USER") < [step for step, _ in STEPS].index("ENTRYPOINT")
    user, group = steps("USER")[-1].split(":")
    assert int(user) > 0 < int(group)
    assert all(step not in ("RUN", "COPY", "ADD") for step, _ in STEPS[[s for s, _ in STEPS].index("USER") :])


def test_signals_reach_the_server_and_images_are_named() -> None:
    entry = json.loads(steps("ENTRYPOINT")[0])
    assert entry[:2] == ["qatk", "serve"], "the exec form: no shell between Docker and the server"
    assert json.loads(steps("HEALTHCHECK")[0].partition("CMD ")[2])[0] == "python"
    assert all(re.fullmatch(r"python:\$\{PYTHON\}-slim( AS build)?", image) for image in steps("FROM"))
    assert not steps("ADD")
    for run in steps("RUN"):
        assert "sudo" not in run
        assert "pip" not in run or "--no-cache-dir" in run


def test_docker_waits_until_all_is_answered() -> None:
    """``docker stop`` kills after 10 seconds where nothing else is said."""
    page = (ROOT / "docs" / "how-to" / "serve.md").read_text("utf-8")
    command = next(line for line in page.splitlines() if line.startswith("docker run"))
    assert int(command.partition("--stop-timeout ")[2].split()[0]) >= Limits().seconds + GRACE + LINGER


def test_what_is_copied_makes_a_wheel_with_all_parts(tmp_path: Path) -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    for copied in steps("COPY"):
        if copied.startswith("--from"):
            continue
        *sources, target = copied.split()
        for source in sources:
            assert source in kept, f"{source} is not sent to Docker"
            if not target.startswith("/"):
                _copy(ROOT / source, tmp_path / target)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").glob("qatk-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(file.relative_to(root))
        for root, package in ((ROOT, "qatk"), (ROOT / "plugins", "qatk_builtin"))
        for file in (root / package).rglob("*")
        if file.is_file() and not fnmatch.fnmatch(str(file), "*__pycache__*")
    }
    assert len(wanted) > 150
    assert wanted <= held
