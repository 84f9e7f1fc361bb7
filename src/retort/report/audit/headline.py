"""What stands above the sections of an audit: the result in a sentence, tiles, and warnings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retort.report import display
from retort.report.audit.result import Audit

# Below so many cases of a kind an audit says little.
_FEW = 100
_MOST_TILES = 4


@dataclass(frozen=True)
class Headline:
    """title and lead: the result in words. tiles: (title, figure, remark). warnings: (title, text). settings: facts."""

    title: str
    lead: str
    tiles: tuple[tuple[str, str, str], ...]
    warnings: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]


def headline(audit: Audit) -> Headline:
    """Of any audit: its functional part is always there."""
    functional = audit.content["functional"]
    overall = {name: entries["overall"] for name, entries in functional["models"].items()}
    return Headline(
        _title(audit, overall),
        _lead(audit, functional, overall),
        tuple(_tile(audit, name, entry) for name, entry in list(overall.items())[:_MOST_TILES]),
        tuple(_warnings(audit)),
        _settings(audit),
    )


def _title(audit: Audit, overall: Mapping[str, Mapping[str, Any]]) -> str:
    measure = "flagged" if all(entry["flagged"]["cases"] for entry in overall.values()) else "failed"
    ranked = sorted(overall, key=lambda name: overall[name][measure]["share"])
    worst, best = overall[ranked[-1]][measure]["share"], overall[ranked[0]][measure]["share"]
    what = f"{audit.task.negative_adjective} cases" if measure == "flagged" else "the cases"
    verb = "flags" if measure == "flagged" else "fails"
    if len(ranked) == 1:
        return f"{ranked[0]} {verb} {display.percent(worst, 0)} of {what}"
    return f"{ranked[0]} {verb} {display.percent(best, 0)} of {what}, {ranked[-1]} {display.percent(worst, 0)}"


def _lead(audit: Audit, functional: Mapping[str, Any], overall: Mapping[str, Mapping[str, Any]]) -> str:
    sentences = []
    for name, entry in overall.items():
        missed = entry["missed"]
        failed = entry["failed"]
        said = f"{name} fails {display.percent(failed['share'], 0)} of the {failed['cases']:,} cases"
        if missed["cases"]:
            said += f" and misses {display.percent(missed['share'], 0)} of those that are {audit.task.adjective}"
        sentences.append(f"{said}.")
    if worst := _hardest(functional):
        sentences.append(worst)
    return " ".join(sentences[:4])


def _hardest(functional: Mapping[str, Any]) -> str:
    """The functionality that is failed most, over all models; its interval clear of chance is not asked for."""
    means: dict[str, float] = {}
    for entries in functional["models"].values():
        for name, entry in entries["functionalities"].items():
            means[name] = means.get(name, 0.0) + entry["failed"]["share"] / len(functional["models"])
    if len(means) < 2:
        return ""
    name = max(means, key=lambda one: means[one])
    return f"Hardest are the cases of “{display.plain(name)}”: {display.percent(means[name], 0)} are judged wrongly."


def _tile(audit: Audit, name: str, entry: Mapping[str, Any]) -> tuple[str, str, str]:
    flagged, missed = entry["flagged"], entry["missed"]
    remark = (
        f"{display.percent(flagged['share'], 0)} of {audit.task.negative_adjective} flagged, "
        f"{display.percent(missed['share'], 0)} of {audit.task.adjective} missed"
    )
    return name, display.percent(entry["failed"]["share"], 0), f"of the cases fail: {remark}"


def _warnings(audit: Audit) -> list[tuple[str, str]]:
    found = []
    without = [name for name, facts in audit.models.items() if not facts["has_threshold"]]
    if without:
        found.append(
            ("No threshold", f"{display.listed(without)}: none was chosen for it, so a probability of 0.5 decides.")
        )
    suite = audit.suite
    least = min(suite["positives"], suite["cases"] - suite["positives"])
    if least < _FEW:
        found.append(("Few cases", f"Of one kind there are only {least}: see the intervals before the shares."))
    return found


def _settings(audit: Audit) -> tuple[tuple[str, str], ...]:
    suite, task = audit.suite, audit.task
    return (
        ("suite", suite["name"]),
        ("kind", suite["kind"]),
        ("cases", display.whole(suite["cases"])),
        (task.adjective, display.whole(suite["positives"])),
        ("functionalities", display.whole(suite["functionalities"])),
        ("groups", display.whole(suite["groups"])),
    )
