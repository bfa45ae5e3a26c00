"""``python -m qatk``, for ``accelerate launch -m qatk run ...`` and the runs of a sweep: the same as ``qatk``."""

import os
import sys

if __name__ == "__main__":
    # -m puts the working folder first, where a user's code.py or rich.py would stand in for a library, or pathlib.py
    if not getattr(sys.flags, "safe_path", False) and sys.path[:1] == [os.getcwd()]:  # noqa: PTH109
        del sys.path[0]
    from qatk.cli import main

    main()
