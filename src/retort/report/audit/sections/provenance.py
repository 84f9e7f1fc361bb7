"""Which models and which suite, by digest, and with what they were audited."""

from typing import Any

from retort.report import display
from retort.report.audit.result import Audit
from retort.report.audit.sections import AuditPlot
from retort.report.tables import Cell, Column, Table

TITLE = "What was audited"
POSITION = 100
PLOTS: tuple[AuditPlot, ...] = ()


def content(audit: Audit) -> dict[str, Any]:
    """Models, suite, what was left out and why, versions and machine."""
    rows = tuple(
        (
            Cell(name),
            Cell(facts["role"]),
            Cell(facts["format"]),
            Cell(facts["device"]),
            Cell(display.listed([audit.task.title(one) for one in facts["attributes"]])),
            Cell(facts["sha256"][:12]),
        )
        for name, facts in audit.models.items()
    )
    columns = ("model", "role", "format", "device", "rates", "sha256")
    made_by, suite = audit.content["made_by"], audit.suite
    facts = [
        (
            f"{suite['name']}: {suite['kind']}, {suite['cases']:,} cases, {suite['from_templates']:,} of them from "
            f"templates; sha256 {suite['sha256'][:12]}."
        ),
        *(f"{note[0].upper()}{note[1:]}." for note in suite["notes"]),
        *(f"{name} is left out: {why}." for name, why in audit.content["left_out"].items()),
        f"Made by retort {made_by['retort']} at {audit.content['time']} on {made_by['machine']['processor']}.",
    ]
    return {"models": Table(tuple(Column(name, numeric=False) for name in columns), rows), "facts": facts}
