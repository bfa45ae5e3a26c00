"""``python -m qatk``, for ``accelerate launch -m qatk run ...`` and the runs of a sweep: the same as ``qatk``."""

import os
import sys


def _leave_folder() -> None:
    """Take the working folder from the front of the path, where -m puts it: a user's rich.py is no library."""
    try:
        here = os.getcwd()  # noqa: PTH109  # a pathlib.py there would be imported
    except OSError:  # it is gone
        return
    if not getattr(sys.flags, "safe_path", False) and sys.path[:1] == [here]:
        del sys.path[0]


if __name__ == "__main__":
    _leave_folder()
    from qatk.cli import main

    main()
