"""``python -m qatk``, for ``accelerate launch -m qatk run ...``."""

from qatk.cli import main

if __name__ == "__main__":
    main()
