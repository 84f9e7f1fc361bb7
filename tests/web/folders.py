"""A run folder as far as the pages read it, written by hand: nothing is trained for them."""

import struct
import zlib
from pathlib import Path

from retort import runs
from retort.report.cards import model_card

TABLE = """# Retort: quickstart

**On a CPU, ship odd.** It is the fastest that is not worse.

> **Few comments.** Some figures rest on few.

## Judged on the test split

| model | F1 |
| :--- | ---: |
| odd | 0.800<br><sub>0.700–0.900</sub> |

![Figures](plots/figures.svg)

*What to see.*

<details><summary>The same for accuracy</summary>

| compared | difference |
| :--- | ---: |
| odd − even | +0.010 |

</details>
"""


def write_run_folder(folder: Path) -> Path:
    """comparison.json and .md, a report, one plot (and a file beside it that nothing names), a card."""
    (folder / runs.PLOTS).mkdir(parents=True)
    (folder / "odd").mkdir()
    test = {metric: {"value": 0.8, "low": 0.7, "high": 0.9} for metric in ("precision", "recall")}
    comparison = {
        "attributes": ["toxicity"],
        "primary": "toxicity",
        "preset": "quickstart",
        "seed": 0,
        "label_threshold": 0.6,
        "decision_threshold": 0.5,
        "data": {"rows": {"test": 200}, "shares": {"test": {"rows": 200, "toxicity": 0.1}}},
        "arms": {"odd": {"kind": "student", "layer_indices": [0, 2], "test": {"toxicity": test}}},
        "pairs": [],
    }
    runs.write_json(folder / runs.COMPARISON, comparison)
    (folder / runs.COMPARISON_TABLE).write_text(TABLE, "utf-8")
    for name in ("figures.png", "figures-dark.png", "secret.png"):
        (folder / runs.PLOTS / name).write_bytes(_png())
    (folder / runs.REPORT).write_text("<!doctype html><title>report</title>", "utf-8")
    (folder / "odd" / runs.MODEL_CARD).write_text(model_card(comparison, "odd"), "utf-8")
    return folder


def _png() -> bytes:
    """One grey pixel."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\x80")),
        (b"IEND", b""),
    ]
    parts = (struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
