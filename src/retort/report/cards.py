"""The model card of an arm: README.md of its folder, with the header that the Hugging Face hub reads."""

import json
from typing import Any

import jinja2

from retort.evaluation.metrics import METRICS
from retort.report import formats
from retort.report.choice import Facts
from retort.report.source import decision_threshold
from retort.report.tables import Cell, Column, Comparison, Table, markdown

_WHAT = {
    "teacher": "A BERT classifier, fine-tuned on all layers. The students of its run were distilled from it.",
    "student": "A BERT classifier that keeps some of its teacher's layers.",
    "lora": "LoRA adapters on a frozen BERT, with a classification head trained beside them.",
    "tfidf": "TF-IDF with logistic regression: the baseline that knows words, but no order.",
    "majority": "The baseline that reads nothing: for every comment the share of positives in training.",
}


def model_card(comparison: Comparison, arm: str) -> str:
    """Markdown with a YAML header: what the arm is, its layers, data, figures, limits, and how to load it.

    Raises KeyError when the comparison has no such arm.
    """
    facts, figures = comparison["arms"][arm], Facts(comparison)
    kind, attributes = facts.get("kind", ""), list(comparison["attributes"])
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("retort.report"),
        autoescape=False,  # Markdown; names are this program's own
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("card.md.j2").render(
        arm=arm,
        kind=kind,
        what=_WHAT.get(kind, "A comment classifier."),
        header=_header(comparison, arm),
        facts=facts,
        comparison=comparison,
        table=markdown(_figures(comparison, arm)),
        thresholds={name: decision_threshold(comparison, name) for name in attributes},
        rows=comparison.get("data", {}).get("rows") or {},
        counts=figures.test_counts(),
        cost=facts.get("cost") or {},
        f=formats,
    )


def _figures(comparison: Comparison, arm: str) -> Table:
    """Metrics as rows, attributes as columns."""
    names = list(comparison["attributes"])
    rows = []
    for metric in METRICS:
        cells = [_cell((comparison["arms"][arm]["test"].get(name) or {}).get(metric) or {}) for name in names]
        rows.append((Cell(formats.METRIC_NAMES[metric]), *cells))
    return Table((Column("test split", numeric=False), *(Column(formats.attribute(n)) for n in names)), tuple(rows))


def _cell(entry: dict[str, Any]) -> Cell:
    interval = formats.between(entry.get("low"), entry.get("high"))
    return Cell(formats.number(entry.get("value")), note=interval, why="" if interval else formats.why(entry))


def _header(comparison: Comparison, arm: str) -> str:
    """YAML, written as JSON values, which are YAML too: no name can break out of its place."""
    facts, primary = comparison["arms"][arm], comparison["primary"]
    library = {"tfidf": "retort", "majority": "retort", "lora": "peft"}.get(facts.get("kind"), "transformers")
    fields: dict[str, Any] = {
        "language": "en",
        "library_name": library,
        "pipeline_tag": "text-classification",
        "tags": ["toxicity", "text-classification", *(["distillation"] if facts.get("kind") == "student" else [])],
    }
    if comparison.get("base"):
        fields["base_model"] = comparison["base"]
    results = [
        {"type": metric, "value": round(entry["value"], 4), "name": f"{primary} {formats.METRIC_NAMES[metric]}"}
        for metric in ("average_precision", "roc_auc", "f1", "accuracy")
        if (entry := facts["test"].get(primary, {}).get(metric) or {}).get("value") is not None
    ]
    if results:
        data = formats.source(comparison) or "comments"
        task = {"type": "text-classification"}
        dataset = {"name": data, "type": data, "split": "test"}
        fields["model-index"] = [
            {"name": f"retort-{arm}", "results": [{"task": task, "dataset": dataset, "metrics": results}]}
        ]
    return "\n".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items())
