"""The model card of an arm: README.md of its folder, with the header that the Hugging Face hub reads."""

import json
from collections.abc import Mapping
from typing import Any

from retort.evaluation.intervals import FEW
from retort.report import display
from retort.report.comparison import Comparison
from retort.report.comparison_tables import METRICS
from retort.report.rendering import templates
from retort.report.tables import Cell, Column, Table

# Libraries of the hub that load an arm's files; the others are loaded only by retort.
_LIBRARIES = ("transformers", "peft")
_HEADLINE_METRICS = ("average_precision", "roc_auc", "f1", "accuracy")


def model_card(content: Mapping[str, Any], arm: str) -> str:
    """Markdown with a YAML header: what the arm is, its layers, data, figures, limits, and how to load it.

    `content` is as in comparison.json. Raises KeyError when it has no such arm.
    """
    comparison, facts = Comparison(content), content["arms"][arm]
    task = comparison.task
    template = templates("md").get_template("card.md.j2")
    return template.render(
        arm=arm,
        facts=facts,
        description=facts.get("description") or "A comment classifier.",
        header=_header(comparison, arm),
        comparison=content,
        task=task,
        titles=[task.title(name) for name in comparison.labels],
        figures=_figures(comparison, arm),
        thresholds={task.title(name): f"{comparison.threshold(arm, name):.3g}" for name in comparison.labels},
        seeds=len(comparison.seeds_of(arm)),
        rows=content.get("data", {}).get("rows") or {},
        counts=comparison.test_counts(),
        few=FEW,
        size=comparison.cost(arm, "size_bytes"),
        latency=comparison.latency(arm),
    )


def _figures(comparison: Comparison, arm: str) -> Table:
    """Metrics as rows, labels as columns."""
    names = comparison.labels
    columns = (Column("test split", numeric=False), *(Column(comparison.task.title(name)) for name in names))
    rows = [
        (Cell(display.METRIC_NAMES[metric]), *(_cell(comparison.figure(arm, metric, name)) for name in names))
        for metric in METRICS
        if any(comparison.figure(arm, metric, name) for name in names)
    ]
    return Table(columns, tuple(rows))


def _cell(figure: Mapping[str, Any]) -> Cell:
    interval = display.between(figure.get("low"), figure.get("high"))
    return Cell(display.number(figure.get("value")), note=interval, why="" if interval else display.why(figure))


def _header(comparison: Comparison, arm: str) -> str:
    """YAML, written as JSON values, which are YAML too: no name can break out of its place."""
    facts = comparison.arms[arm]
    distilled = ["distillation"] if facts.get("distilled", facts["role"] == "student") else []
    fields: dict[str, Any] = {
        "language": "en",
        "library_name": facts["loader"] if facts["loader"] in _LIBRARIES else "retort",
        "pipeline_tag": "text-classification",
        "tags": [comparison.task.name, "text-classification", *distilled],
    }
    if comparison.content.get("base"):
        fields["base_model"] = comparison.content["base"]
    if results := _results(comparison, arm):
        fields["model-index"] = [{"name": f"retort-{arm}", "results": [results]}]
    return "\n".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items())


def _results(comparison: Comparison, arm: str) -> dict[str, Any] | None:
    """The figures of the primary label as the hub's model index has them; None without any."""
    values = {metric: comparison.value(arm, metric) for metric in _HEADLINE_METRICS}
    metrics = [
        {"type": metric, "value": round(value, 4), "name": f"{comparison.primary} {display.METRIC_NAMES[metric]}"}
        for metric, value in values.items()
        if value is not None
    ]
    if not metrics:
        return None
    data = display.source(comparison.content) or "comments"
    dataset = {"name": data, "type": data, "split": "test"}
    return {"task": {"type": "text-classification"}, "dataset": dataset, "metrics": metrics}
