"""The cases that models fail, their texts masked until opened."""

from collections.abc import Mapping
from typing import Any

from retort.report import display
from retort.report.audit.result import Audit
from retort.report.audit.sections import AuditPlot
from retort.report.examples import Example, Group, masked, readable

TITLE = "Failures"
POSITION = 90
PLOTS: tuple[AuditPlot, ...] = ()

_OF_EACH = 10


def content(audit: Audit) -> dict[str, Any] | None:
    """Some failures of each functionality, the most wrong first; None where there are none."""
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for failure in audit.failures:
        by_name.setdefault(failure["functionality"] or failure["group"] or "all cases", []).append(failure)
    if not by_name:
        return None
    groups = [
        Group(display.plain(name), tuple(_example(audit, one) for one in some[:_OF_EACH]))
        for name, some in by_name.items()
    ]
    return {"groups": groups}


def _example(audit: Audit, failure: Mapping[str, Any]) -> Example:
    text = readable(failure["text"])
    verdict = audit.task.adjective if failure["label"] else audit.task.negative_adjective
    wrong = f"{failure['id']} · wrong: {', '.join(failure['failed'])}"
    return Example(wrong, verdict, text, masked(text), tuple(failure["scores"].items()))
