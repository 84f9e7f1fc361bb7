"""README.md of an exported folder: what it is, how it was checked, and how to use it."""

from typing import Any

from retort.export.parity import FEW_ROWS, LARGEST_DIFFERENCE, MOST_LOST, Parity

_ALONE = (
    "Every window is scored alone, because in dynamic int8 the scales are drawn from all that stands in a batch: "
    "a comment gets exactly the same score in any company. Between processors it may differ a little."
)


def card(about: dict[str, Any], parity: Parity, bytes_before: int, bytes_after: int) -> str:
    """Markdown. `about` is the export's retort.json."""
    int8 = about["format"].endswith("int8")
    thresholds = [f"{name} (from {about['thresholds'][name]:g} on)" for name in about["attributes"]]
    lines = [
        f"# {about['arm']}, {about['format']}",
        "",
        f"Made by `retort export{' --int8' if int8 else ''}` from the arm `{about['arm']}`"
        + (f" of the run `{about['parent_run']}`." if about.get("parent_run") else "."),
        "It runs with numpy, tokenizers and onnxruntime; torch and transformers are not needed.",
        "",
        "```python",
        "from retort import Classifier",
        'Classifier.load("this folder").predict(["a comment"])',
        "```",
        "",
        f"- rates: {', '.join(thresholds)}",
        f"- reads: windows of {about['max_length']} tokens, as many as a comment needs",
        f"- weights: {megabytes(bytes_before)} before, {megabytes(bytes_after)} now",
        "",
        "## Is it still the same model?",
        "",
        f"Both were asked about {parity.rows:,} {parity.origin}.",
        "",
        *_table(parity, int8=int8),
    ]
    if parity.is_weak:
        lines += ["", weak_sentence(parity.rows)]
    if int8:
        lines += ["", _ALONE]
    return "\n".join(lines) + "\n"


def weak_sentence(rows: int) -> str:
    """What is to be said when so few rows were checked."""
    return (
        f"The gate is weak: on fewer than {FEW_ROWS} rows (here {rows:,}) a loss that matters can go unseen. "
        "Check it on more comments with --data."
    )


def megabytes(number: int) -> str:
    """Bytes as people read them."""
    return f"{number / 1e6:,.1f} MB"


def _table(parity: Parity, *, int8: bool) -> list[str]:
    rows = [
        ("largest difference of a probability", f"{parity.largest_difference:.2g}"),
        (f"flipped verdicts of {parity.rows:,}", f"{parity.flipped}"),
    ]
    limits = ["" if int8 else f"{LARGEST_DIFFERENCE:g}", f"{parity.most_flipped}" if int8 else ""]
    for name, (before, after) in parity.average_precision.items():
        if before is None or after is None:
            rows.append((f"average precision, {name}", "– (no positive row)"))
        else:
            rows.append((f"average precision, {name}", f"{before:.4f} before, {after:.4f} now"))
        first = name == next(iter(parity.average_precision))
        limits.append(f"{MOST_LOST:g} lost" if int8 and first else "")
    return [
        "| | found | at most |",
        "| --- | --- | --- |",
        *(f"| {what} | {found} | {limit} |" for (what, found), limit in zip(rows, limits, strict=True)),
    ]
