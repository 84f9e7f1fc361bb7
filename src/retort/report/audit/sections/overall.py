"""All cases together: what each model misses and flags, and whether two models differ by more than chance."""

from typing import Any

from retort.report.audit.result import Audit
from retort.report.audit.sections import AuditPlot
from retort.report.audit.tables import models_table, pairs_table

TITLE = "All cases"
POSITION = 10
PLOTS: tuple[AuditPlot, ...] = ()


def content(audit: Audit) -> dict[str, Any]:
    """A row for each model, and one for each pair."""
    functional = audit.content["functional"]
    return {
        "models": models_table(audit),
        "pairs": pairs_table([pair for pair in functional["pairs"] if pair["functionality"] is None]),
    }
