"""Writes the report of a finished run folder: comparison.md, report.html, and the plots as files."""

import json
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from retort import runs
from retort.report import examples, formats, tables
from retort.report.choice import Facts, choose
from retort.report.observations import Observation, observe
from retort.report.plots import Drawn, draw_all
from retort.report.source import Run, read_run
from retort.report.style import DARK, LIGHT, variables

_KINDS = (("warning", "Read this first"), ("finding", "What the numbers show"), ("limit", "Limits"))


def write_report(folder: Path) -> None:
    """Reads `folder` and writes comparison.md, report.html and plots/ into it.

    report.html is one file without scripts or addresses to fetch; the same folder gives the same bytes.
    Raises ModelError or DataError naming a file that is missing or unfit.
    """
    run = read_run(folder)
    drawn = draw_all(run, folder / runs.PLOTS)
    (folder / runs.COMPARISON_TABLE).write_text(_markdown(run, drawn), "utf-8")
    (folder / runs.REPORT).write_text(_page(run, drawn), "utf-8")


def environment() -> jinja2.Environment:
    """The templates; everything put into a page is escaped unless it is marked safe here."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("retort.report"),
        autoescape=jinja2.select_autoescape(("html", "html.j2")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {"f": formats, "tables": tables}
    return found


def _page(run: Run, drawn: dict[str, Drawn]) -> str:
    templates = environment()
    css = templates.get_template("report.css").render(light=variables(LIGHT), dark=variables(DARK))
    return templates.get_template("report.html.j2").render(
        _shared(run, drawn)
        | {
            "css": Markup(css),
            "plots": {name: _inline(plot) for name, plot in drawn.items()},
            "errors": examples.largest_errors(run),
            "disagreements": examples.disagreements(run),
            "tiles": _tiles(run),
        }
    )


def _markdown(run: Run, drawn: dict[str, Drawn]) -> str:
    return environment().get_template("comparison.md.j2").render(_shared(run, drawn))


def _shared(run: Run, drawn: dict[str, Drawn]) -> dict[str, Any]:
    comparison, observations = run.comparison, observe(run.comparison)
    pairs = [row for row in comparison["pairs"] if row["metric"] == "average_precision"]
    many = len(pairs) > tables.MANY_PAIRS
    others = [name for name in comparison["attributes"] if name != run.primary]
    return {
        "title": f"Retort: {comparison.get('preset', run.folder.name)}",
        "comparison": comparison,
        "choice": choose(comparison),
        "seed_table": tables.seed_table(comparison),
        "judged_table": tables.judged_table(comparison),
        "attributes_table": tables.attributes_table(comparison) if others else None,
        "other_attributes": [(name, tables.judged_table(comparison, name)) for name in others],
        "pairs_table": tables.pairs_table(comparison, baselines=False if many else None),
        "baseline_pairs": tables.pairs_table(comparison, baselines=True) if many else None,
        "other_pairs": [(name, tables.pairs_table(comparison, name)) for name in ("accuracy", "f1")],
        "cost_table": tables.cost_table(comparison),
        "data_table": tables.data_table(comparison),
        "observations": observations,
        "groups": _grouped(observations),
        "run": _provenance(run.folder),
        "drawn": drawn,
        "has_texts": run.texts is not None,
        "source": formats.source(comparison),
    }


def _grouped(observations: list[Observation]) -> list[tuple[str, str, list[Observation]]]:
    kinds = (*_KINDS, ("difficulty", "Difficulties"))
    grouped = [(kind, title, [o for o in observations if o.kind == kind]) for kind, title in kinds]
    return [group for group in grouped if group[2]]


def _tiles(run: Run) -> list[tuple[str, str, str]]:
    """(figure, what it is, remark) of the few numbers to carry away."""
    facts, comparison = Facts(run.comparison), run.comparison
    tiles = []
    counts = facts.test_counts()
    if counts is not None:
        rows, positives = counts
        share = formats.percent(positives / rows if rows else None)
        tiles.append((formats.whole(rows), "test comments", f"{positives:,} {facts.name} ({share})"))
    free = tables.majority_share(comparison, "test")
    if free is not None:
        tiles.append((formats.number(free), "accuracy for free", "by always giving the larger class"))
    ranked = [arm for arm in facts.learned if facts.value(arm, "average_precision") is not None]
    if ranked:
        best = max(ranked, key=lambda arm: facts.value(arm, "average_precision") or 0)
        entry = facts.entry(best, "average_precision")
        remark = f"{best}; {formats.between(entry.get('low'), entry.get('high'))}"
        tiles.append((formats.number(entry["value"]), "highest average precision", remark.rstrip("; ")))
    timed = [arm for arm in facts.learned if facts.latency(arm) is not None]
    if timed:
        fast = min(timed, key=lambda arm: facts.latency(arm) or 0)
        tiles.append((formats.milliseconds(facts.latency(fast)), "fastest network", f"{fast}; one comment, median"))
    return tiles


def _inline(plot: Drawn) -> dict[str, Any]:
    label = Markup("{}").format(plot.plot.title)

    def element(svg: str) -> Markup:
        # Drawn by this program, its texts escaped by the drawing library.
        return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))

    return {"plot": plot.plot, "wide": element(plot.wide), "narrow": element(plot.narrow)}


def _provenance(folder: Path) -> str:
    """run.json as indented text, or nothing where the folder has none."""
    path = folder / runs.RUN
    return json.dumps(runs.read_json(path, "a finished run folder has one"), indent=2) if path.is_file() else ""
