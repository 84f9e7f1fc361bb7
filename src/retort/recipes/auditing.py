"""The job of `retort audit`: models side by side on a suite of cases, written into a folder."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from retort import runs
from retort.config import ATTACK_ROWS
from retort.data.suite import Suite, box_suite, read_suite
from retort.data.suites import DIRECTION, FUNCTIONALITY, GROUP
from retort.errors import ModelError
from retort.progress import StageProgress
from retort.provenance import provenance, utc_now
from retort.recipes.audit import all_parts
from retort.recipes.audited import AuditedModel, load_models
from retort.report.audit.page import write_audit_report
from retort.report.audit.result import AUDIT, FAILURES
from retort.whole_folder import refuse_existing, written_whole

SCHEMA = 1
ATTACK = "attack"
_DRAWN_BY = 0

# Failures kept of each functionality (of each group, without functionalities), the most wrong first, and in all.
_OF_EACH, _IN_ALL = 25, 2000


def audit(
    folders: Sequence[Path],
    out: Path,
    *,
    suite: Path | None,
    columns: Mapping[str, str],
    wanted: Collection[str],
    device: str,
    attack_data: Path | None = None,
    attack_rows: int = ATTACK_ROWS,
    progress: StageProgress,
) -> dict[str, Any]:
    """Audits the models in `folders`, writes audit.json, failures.jsonl and the report into `out`, and returns the
    content of audit.json.

    suite: a file of cases, None for the suite in the package. wanted: the options of parts that are not in every audit.
    attack_data: a file of labelled texts to disguise, None for the suite; attack_rows: at most so many of them.
    Raises ConfigError, DataError or ModelError, see `read_suite` and `load_models`; nothing is left in `out` then.
    """
    refuse_existing(out)
    task = runs.recorded_task_of(_existing(folders[0]))
    progress("reading the suite", 0, 1)
    cases = box_suite(task) if suite is None else read_suite(suite, task, columns)
    disguised = cases if attack_data is None else read_suite(attack_data, task)
    own = {ATTACK: disguised.balanced(attack_rows, _DRAWN_BY)} if ATTACK in wanted else {}
    models = load_models(folders, device, progress)
    with written_whole(out) as partial:
        result, failures = audit_result(models, cases, wanted, progress, own)
        progress("writing the report", 0, 1)
        write_audit(result, failures, partial)
    return result


def audit_result(
    models: Sequence[AuditedModel],
    suite: Suite,
    wanted: Collection[str],
    progress: StageProgress,
    own_suites: Mapping[str, Suite] | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(the content of audit.json, the lines of failures.jsonl). own_suites: part -> its cases, where not `suite`."""
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "time": utc_now(),
        "task": models[0].classifier.task.as_dict(),
        "suite": _described(suite),
        "models": {model.name: model.as_dict() for model in models},
    }
    left_out: dict[str, str] = {}
    for name, part in all_parts().items():
        if part.OPTION is not None and part.OPTION not in wanted:
            continue
        cases = (own_suites or {}).get(name, suite)
        why = part.why_not(models, cases)
        if why is None:
            result[name] = part.run(models, cases, progress)
        else:
            left_out[name] = why
    failures = _failures(models, suite)
    kept = {"file": FAILURES, "kept": len(failures), "of_each": _OF_EACH, "most": _IN_ALL}
    return result | {"left_out": left_out, "failures": kept, "made_by": provenance()}, failures


def write_audit(result: Mapping[str, Any], failures: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Writes audit.json, failures.jsonl, and the report of both."""
    runs.write_json(folder / AUDIT, result)
    lines = (json.dumps(failure, ensure_ascii=False, allow_nan=False) for failure in failures)
    (folder / FAILURES).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    write_audit_report(folder)


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder; give the folder of an arm, for example RUN/odd")
    return folder


def _described(suite: Suite) -> dict[str, Any]:
    return {
        "name": suite.name,
        "kind": suite.kind,
        "sha256": suite.sha256,
        "cases": len(suite),
        "positives": int(suite.labels.sum()),
        "functionalities": len(suite.functionalities()),
        "groups": len(suite.groups()),
        "attributes": list(suite.attributes),
        "from_templates": int((suite.frame["template"] != "").sum()),
        "notes": list(suite.notes),
    }


def _failures(models: Sequence[AuditedModel], suite: Suite) -> list[dict[str, Any]]:
    """Cases that any model fails, a few of each functionality, those first that are furthest on the wrong side."""
    labels, texts = suite.labels, suite.texts
    scores = np.stack([model.scores(texts) for model in models])
    thresholds = np.array([[model.threshold] for model in models])
    failed = (scores >= thresholds) != labels
    # How far beyond the threshold, of the way to certainty, so that models with different thresholds compare.
    ways = np.where(labels, thresholds, np.maximum(1 - thresholds, 1e-9))
    gaps = np.where(failed, np.abs(scores - thresholds) / np.maximum(ways, 1e-9), 0.0).sum(axis=0)
    members = suite.functionalities() or suite.groups() or {"": np.ones(len(suite), bool)}
    chosen: list[int] = []
    for cases in members.values():
        order = np.argsort(np.where(cases, -gaps, 1.0), kind="stable")
        chosen += [int(i) for i in order[:_OF_EACH] if cases[i] and failed[:, i].any()]
    frame = suite.frame
    return [
        {
            "id": frame["id"].iat[i],
            "functionality": frame[FUNCTIONALITY].iat[i],
            "group": frame[GROUP].iat[i],
            "direction": frame[DIRECTION].iat[i],
            "label": int(labels[i]),
            "text": texts[i],
            "scores": {model.name: round(float(scores[m, i]), 6) for m, model in enumerate(models)},
            "failed": [model.name for m, model in enumerate(models) if failed[m, i]],
        }
        for i in dict.fromkeys(chosen[:_IN_ALL])
    ]
