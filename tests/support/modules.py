"""Which modules a command loads."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = {"torch", "transformers", "datasets", "accelerate", "evaluate"}
LIST_MODULES = """
import json, sys
from qatk.cli import main
sys.argv = ["qatk", *sys.argv[1:]]
code = 0
try:
    main()
except SystemExit as error:
    code = error.code or 0
sys.stdout.write("\\n" + json.dumps([code, sorted(sys.modules)]))
"""


def modules_loaded(*arguments: str, code: int = 0) -> set[str]:
    done = subprocess.run([sys.executable, "-c", LIST_MODULES, *arguments], capture_output=True, text=True, check=True)
    ended, modules = json.loads(done.stdout.splitlines()[-1])
    assert ended == code, done.stderr
    assert "qatk" in modules
    return set(modules)
