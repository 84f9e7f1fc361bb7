"""`python benchmarks/gpu.py` runs benchmarks/training/gpu.py."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

    from benchmarks.shared.script import run
    from benchmarks.training.gpu import main

    run(main)
