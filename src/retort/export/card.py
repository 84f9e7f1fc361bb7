"""README.md of an exported folder: what it is, how it was checked, and how to use it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retort.export.parity import (
    FEW_POSITIVES,
    FEW_ROWS,
    LARGEST_DIFFERENCE,
    LARGEST_RARE_DIFFERENCE,
    LabelParity,
    Parity,
)
from retort.export.rows import CalibrationTexts

_ONE_BY_ONE = (
    "Every window is scored alone, because dynamic int8 computes its scales over the whole batch: this way a comment's "
    "score does not depend on other comments. It may differ a little between processors."
)


def card(
    about: Mapping[str, Any], parity: Parity, calibration: CalibrationTexts | None, size: Mapping[str, int]
) -> str:
    """Markdown. about: the export's retort.json. size: bytes of the weights `before` and `after`."""
    int8 = calibration is not None
    thresholds = [f"{name} (threshold {about['thresholds'][name]:g})" for name in about["attributes"]]
    lines = [
        f"# {about['arm']}, {about['format']}",
        "",
        f"Exported with `retort export{' --int8' if int8 else ''}` from the arm `{about['arm']}`"
        + (f" of the run `{about['parent_run']}`." if about.get("parent_run") else "."),
        "It runs with numpy, tokenizers and onnxruntime, without torch and transformers.",
        "",
        "```python",
        "from retort import Classifier",
        'Classifier.load("this folder").predict(["a comment"])',
        "```",
        "",
        f"- labels: {', '.join(thresholds)}",
        f"- input: comments of any length, in windows of {about['max_length']} tokens",
        f"- weights: {megabytes(size['before'])} before, {megabytes(size['after'])} now",
    ]
    if calibration is not None:
        lines.append(f"- calibrated with: {len(calibration.texts):,} {calibration.origin}, none of them checked below")
    lines += ["", "## Parity with the model", "", *_parity_lines(parity, int8=int8)]
    if int8:
        lines += ["", _ONE_BY_ONE]
    return "\n".join(lines) + "\n"


def weak_sentence(rows: int) -> str:
    """The warning for an export that was checked on few rows."""
    return (
        f"The gate is weak: fewer than {FEW_ROWS} rows (here {rows:,}) can hide a loss that matters. "
        "Check the export on more comments with --data."
    )


def rare_sentence(names: Sequence[str]) -> str:
    """What is gated of labels with few positive rows."""
    return (
        f"Fewer than {FEW_POSITIVES} positive rows, so average precision is not gated, only flipped verdicts and "
        f"differences in probability (at most {LARGEST_RARE_DIFFERENCE:g}): {', '.join(names)}."
    )


def megabytes(number: int) -> str:
    """Bytes as people read them."""
    return f"{number / 1e6:,.1f} MB"


def _parity_lines(parity: Parity, *, int8: bool) -> Iterator[str]:
    yield f"Both rated {parity.rows:,} {parity.origin}."
    yield ""
    yield "| label | positive rows | average precision before | now | flipped verdicts | largest difference |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for name, label in parity.labels.items():
        yield f"| {name} | {' | '.join(_cells(label))} |"
    yield ""
    yield _int8_limits(parity) if int8 else f"Limit for every label: a difference of {LARGEST_DIFFERENCE:g}."
    if int8 and parity.not_gated:
        yield ""
        yield rare_sentence(parity.not_gated)
    if parity.is_weak:
        yield ""
        yield weak_sentence(parity.rows)


def _int8_limits(parity: Parity) -> str:
    lost = [f"{label.most_lost:.2g} ({name})" for name, label in parity.labels.items() if label.most_lost is not None]
    return f"Limits: {parity.most_flipped} flipped verdicts of each label; average precision lost {', '.join(lost)}."


def _cells(label: LabelParity) -> tuple[str, ...]:
    average_precision = ("–" if value is None else f"{value:.4f}" for value in (label.before, label.after))
    return (f"{label.positives:,}", *average_precision, str(label.flipped), f"{label.largest_difference:.2g}")
