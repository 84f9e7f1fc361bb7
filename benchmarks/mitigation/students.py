"""What each mitigation does to students: to average precision, and to people who are named without any harm.

    python -m benchmarks.mitigation.students OUT --data train.csv --test dev.csv
    python -m benchmarks.mitigation.students OUT --data train.csv --test dev.csv --teacher DIR --settings none,both

For every setting and seed `OUT/SETTING-SEED/` is a run of `retort compare`, and `OUT/SETTING-SEED.json` what it gives
on the test comments and on the suite in the package, none of which is trained on. What is there already is kept: the
same command goes on after an interruption. Verdicts go by the threshold that validation comments chose.
"""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

import retort
from benchmarks.mitigation.suite import SuiteRows, suite_rows
from benchmarks.shared.script import note, run
from retort import runs
from retort.cli.progress import TerminalReporter
from retort.errors import ConfigError
from retort.provenance import provenance
from retort.recipes.experiment import ExperimentSettings
from retort.whole_folder import written_aside

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

PRESET, BASE = "civil-comments", "minilm"
# What only a report needs, at its smallest.
_SMALLEST = ("evaluation.latency_comments=1", "evaluation.speed_comments=1", "evaluation.ece_samples=100")
FIGURES = ("average_precision", "harmless_flagged", "suite_recall", "bpsn")
TITLES = {
    "average_precision": "average precision, test",
    "harmless_flagged": "harmless mentions flagged",
    "suite_recall": "toxic suite cases flagged",
    "bpsn": "mean BPSN AUC, suite",
}


@dataclass(frozen=True)
class Setting:
    """One mitigation.

    weigh: mentions count more where labels are compared. augment: harmless mentions are added. match: mentions count
    more where the teacher is compared; the teacher of a setting that does nothing else is that of `none`.
    """

    weigh: bool = False
    augment: bool = False
    match: bool = False

    def assignments(self, weight: float) -> list[str]:
        """As `--set` takes them; weight: of a comment that mentions an identity."""
        tables = (["teacher", "student"] if self.weigh else []) + (["distillation"] if self.match else [])
        chosen = [f"{table}.identity_weight={weight}" for table in tables]
        return [*chosen, "data.augment=neutral"] if self.augment else chosen

    @property
    def own_teacher(self) -> bool:
        """Whether a teacher that is trained with it differs from that of `none`."""
        return self.weigh or self.augment


SETTINGS = {
    "none": Setting(),
    "identity_weight": Setting(weigh=True),
    "augment": Setting(augment=True),
    "both": Setting(weigh=True, augment=True),
    "distillation": Setting(match=True),
    "all": Setting(weigh=True, augment=True, match=True),
}


def settings_of(given: argparse.Namespace, name: str, seed: int) -> ExperimentSettings:
    """The comparison of one setting and seed: a teacher and its odd student."""
    files = {"train_file": given.data, "validation_file": given.validation, "test_file": given.test}
    data = {key: str(path.resolve()) for key, path in files.items() if path is not None}
    changes: dict[str, Any] = {"base": given.base, "base_revision": None, "arms": ["teacher", "odd"], "seed": seed}
    changes["data"] = data | {"source": "file", "official_splits": False}
    teacher = given.teacher
    if teacher is None and not SETTINGS[name].own_teacher and name != "none":
        teacher = given.out / f"none-{seed}" / "teacher"
    if teacher is not None:
        changes["teacher_folder"] = str(teacher.resolve())
    assignments = [*_SMALLEST, *given.set, *SETTINGS[name].assignments(given.weight)]
    return retort.resolve(given.preset, assignments=assignments, overrides=changes)


def in_order(names: Sequence[str], teacher: Path | None) -> list[str]:
    """The settings to train, `none` first where another one needs its teacher. Raises ConfigError for unknown ones."""
    for name in names:
        if name not in SETTINGS:
            raise ConfigError(f"--settings {name}: not known; there are {', '.join(SETTINGS)}")
    borrowed = teacher is None and any(not SETTINGS[name].own_teacher for name in names)
    wanted = {*names, *(("none",) if borrowed else ())}
    return [name for name in SETTINGS if name in wanted]


def measured(given: argparse.Namespace, name: str, seed: int, suite: SuiteRows) -> dict[str, Any]:
    """What OUT/SETTING-SEED.json holds; trains what is missing. Raises ConfigError where it was made otherwise."""
    settings, folder = settings_of(given, name, seed), given.out / f"{name}-{seed}"
    asked, path = settings.model_dump(mode="json"), given.out / f"{name}-{seed}.json"
    if path.is_file():
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if found["settings"] != asked:
            raise ConfigError(f"{path}: made with other options; name another folder, or give those")
        return found
    if not folder.is_dir():
        with TerminalReporter() as reporter:
            retort.compare(settings, folder, reporter)
    comparison = json.loads((folder / runs.COMPARISON).read_text("utf-8"))
    primary, facts = comparison["primary"], comparison["arms"]
    arms = {arm: figures_of(folder / arm, facts[arm], primary, suite) for arm in settings.arms}
    found = {"setting": name, "seed": seed, "arms": arms, "suite": suite.counts(), "settings": asked}
    found |= {"notes": comparison["notes"], "provenance": provenance()}
    with written_aside(path) as aside:
        runs.write_json(aside, found)
    return found


def figures_of(folder: Path, facts: Mapping[str, Any], primary: str, suite: SuiteRows) -> dict[str, Any]:
    """The figures of one model: those of `FIGURES`, its threshold, and BPSN by group."""
    model = retort.Classifier.load(folder, device="cpu")
    scores = model.probabilities(suite.texts)[:, model.attributes.index(primary)]
    precision = facts["test"][primary]["average_precision"]["value"]
    threshold = model.thresholds[primary]
    return {"average_precision": precision, "threshold": threshold} | suite_figures(scores, threshold, suite)


def suite_figures(scores: Array, threshold: float, suite: SuiteRows) -> dict[str, Any]:
    """harmless_flagged, suite_recall: shares of its cases at or above the threshold; bpsn: the mean of the groups'.

    scores: (n,) of its n cases. None where there is nothing to take a share of.
    """
    flagged = scores >= threshold
    groups = {group: bpsn(scores, suite.toxic, member) for group, member in suite.groups.items()}
    known = [value for value in groups.values() if value is not None]
    return {
        "harmless_flagged": _share(flagged[suite.harmless]),
        "suite_recall": _share(flagged[suite.toxic]),
        "bpsn": float(np.mean(known)) if known else None,
        "bpsn_by_group": groups,
    }


def bpsn(scores: Array, toxic: Flags, member: Flags) -> float | None:
    """ROC AUC of toxic cases of other groups (background positive) against harmless ones of this (subgroup negative).

    All (n,). None without either. Borkan et al. 2019, arXiv:1903.04561.
    """
    rows = np.where(member, ~toxic, toxic)
    if len(np.unique(toxic[rows])) < 2:
        return None
    return float(roc_auc_score(toxic[rows], scores[rows]))


def _share(flagged: Flags) -> float | None:
    return float(flagged.mean()) if len(flagged) else None


def table(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Markdown: a line for each setting and arm, the mean over seeds and its standard deviation."""
    lines = ["| setting | model | seeds | " + " | ".join(TITLES[name] for name in FIGURES) + " |"]
    lines.append("| --- | --- | ---: |" + " ---: |" * len(FIGURES))
    for setting in dict.fromkeys(row["setting"] for row in found):
        rows = [row for row in found if row["setting"] == setting]
        for arm in rows[0]["arms"]:
            cells = [_cell([row["arms"][arm][name] for row in rows]) for name in FIGURES]
            lines.append(f"| {setting} | {arm} | {len(rows)} | {' | '.join(cells)} |")
    return lines


def _cell(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "–"
    spread = f" ± {np.std(known, ddof=1):.4f}" if len(known) > 1 else ""
    return f"{np.mean(known):.4f}{spread}"


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.mitigation.students", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    options.add_argument("out", type=Path, help="folder of the results; may exist")
    options.add_argument("--data", type=Path, required=True, metavar="FILE", help="comments to learn from")
    options.add_argument("--validation", type=Path, metavar="FILE", help="else drawn from --data")
    options.add_argument("--test", type=Path, required=True, metavar="FILE", help="comments to judge on")
    options.add_argument("--teacher", type=Path, metavar="DIR", help="a ready-made teacher for all")
    options.add_argument("--settings", default=",".join(SETTINGS), help=f"of {', '.join(SETTINGS)} [all of them]")
    options.add_argument("--seeds", type=int, default=3, metavar="N", help="trainings of each, from seed 0 on [3]")
    options.add_argument("--weight", type=float, default=3.0, help="of a comment that mentions an identity [3]")
    options.add_argument("--preset", default=PRESET, help=f"as in `retort compare` [{PRESET}]")
    options.add_argument("--base", default=BASE, help=f"as in `retort compare` [{BASE}]")
    options.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as in `retort compare`")
    return options.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains and measures what is missing, and prints the table of all that was asked for."""
    given = _parsed(arguments)
    names = [name for name in given.settings.split(",") if name]
    order, suite = in_order(names, given.teacher), suite_rows()
    given.out.mkdir(parents=True, exist_ok=True)
    found = []
    # Seed by seed, so that an interruption leaves whole comparisons of the settings.
    for seed in range(given.seeds):
        for name in order:
            note(f"{name}, seed {seed}")
            found.append(measured(given, name, seed, suite))
    wanted = sorted((row for row in found if row["setting"] in names), key=lambda row: order.index(row["setting"]))
    print(*table(wanted), "", suite.described(), sep=os.linesep)
    return 0


if __name__ == "__main__":
    run(main)
