"""What to install for the checks of other environments: ``python tools/requirements.py lowest`` or ``... light``.

``lowest`` prints the lower bound of every dependency, those of the server included, as a pin; ``light`` prints the
dependencies that come without torch. Torch is in neither: its build for processors alone is not on every index.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

TORCH = ("torch", "accelerate")
PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
REQUIREMENT = re.compile(r"""([\w.-]+)>=([\d.]+)""")


def bounds(of: str = "dependencies") -> dict[str, str]:
    """The lower bound of each dependency, or of each that an extra adds."""
    listed = re.findall('"([^"]+)"', re.split(r"\]\n", PROJECT.read_text("utf-8").partition(f"\n{of} = [")[2])[0])
    found = [REQUIREMENT.fullmatch(line) for line in listed if not line.startswith("qatk[")]
    assert found, f"there is no {of}"
    assert None not in found, "a dependency has one lower bound and nothing else"
    return {match[1]: match[2] for match in found if match}


def requirements(kind: str) -> list[str]:
    """Lines for pip."""
    if kind == "lowest":
        lowest = {**bounds(), **bounds("serve")}
        return [f"{name}=={bound}" for name, bound in lowest.items() if name != "torch"]
    return [f"{name}>={bound}" for name, bound in bounds().items() if name not in TORCH]


if __name__ == "__main__":
    kind = sys.argv[1] if len(sys.argv) == 2 else ""
    if kind not in ("lowest", "light"):
        sys.exit("usage: python tools/requirements.py lowest|light")
    sys.stdout.write("\n".join(requirements(kind)) + "\n")
