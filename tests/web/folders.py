"""Run folders as far as the server reads them, written by hand; only word lists are trained for them."""

import struct
import zlib
from pathlib import Path

import numpy as np

from retort import runs, text
from retort.report.cards import model_card
from retort.tasks import Task, default_task

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
        "schema": 3,
        "seeds": [0],
        "margin": 0.01,
        "attributes": ["toxicity"],
        "primary": "toxicity",
        "task": default_task().as_dict(),
        "preset": "quickstart",
        "seed": 0,
        "label_threshold": 0.6,
        "data": {"rows": {"test": 200}, "shares": {"test": {"rows": 200, "toxicity": 0.1}}},
        "arms": {
            "odd": {
                "role": "student",
                "loader": "transformers",
                "layer_indices": [0, 2],
                "thresholds": {"toxicity": [0.5]},
                "test": {"toxicity": test},
            }
        },
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


def write_word_model(folder: Path, task: Task) -> Path:
    """A model of kind tfidf that knows two words, of which `money` is positive for every label of the task."""
    from retort.models.baselines import TfidfClassifier  # imports scikit-learn, which takes seconds

    folder.mkdir(parents=True, exist_ok=True)
    texts = ["win money", "more money", "lovely garden", "a garden"]
    labels = np.tile(np.array([[1], [1], [0], [0]], np.float32), (1, len(task.names)))
    TfidfClassifier.fitted(texts, labels, texts, labels).save(folder)
    about = {
        "arm": folder.name,
        "kind": "tfidf",
        "role": "baseline",
        "loader": "tfidf",
        "task": task.as_dict(),
        "attributes": list(task.names),
        "label_threshold": task.label_threshold,
        "thresholds": dict.fromkeys(task.names, 0.5),
        "max_length": 128,
        "normaliser_version": text.VERSION,
        "base": None,
    }
    runs.write_json(folder / runs.RETORT, about)
    (folder / runs.MODEL_CARD).write_text(f"# {folder.name}\n", "utf-8")
    return folder


def write_word_run(folder: Path, task: Task) -> Path:
    """A run of two such models, and of an arm without a model."""
    for name in ("words", "other"):
        write_word_model(folder / name, task)
    (folder / "constant").mkdir()
    runs.write_json(folder / "constant" / runs.RETORT, {"role": "baseline", "loader": None, "task": task.as_dict()})
    test = {task.primary: {metric: {"value": 0.8, "low": 0.7, "high": 0.9} for metric in ("precision", "recall")}}
    comparison = {
        "task": task.as_dict(),
        "attributes": list(task.names),
        "primary": task.primary,
        "data": {"shares": {"test": {"rows": 200, task.primary: 0.1}}},
        "arms": {
            "constant": {"role": "baseline", "loader": None},
            "words": {"role": "baseline", "loader": "tfidf", "test": test},
            "other": {"role": "baseline", "loader": "tfidf", "test": test},
        },
    }
    runs.write_json(folder / runs.COMPARISON, comparison)
    (folder / runs.COMPARISON_TABLE).write_text("| model | F1 |\n| :--- | ---: |\n| words | 0.8 |\n", "utf-8")
    return folder
