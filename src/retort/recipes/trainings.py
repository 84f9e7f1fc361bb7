"""The trainings of a run: one for each draw of the comments and each seed, and the folder that each is in.

The first draw is the run's own, its first seed's arms are in the run folder itself. Further seeds are in `seeds/SEED`,
further draws in `resplits/NUMBER`, each of them like a run of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from retort import runs
from retort.recipes.experiment import ExperimentSettings
from retort.whole_folder import written_aside


@dataclass(frozen=True)
class Training:
    """draw: its number, 0 for the run's own. folder: where its arms are. first: whether it is the first of its draw."""

    draw: int
    seed: int
    folder: Path
    first: bool

    @property
    def title(self) -> str:
        """`seed 2`, or `draw 3, seed 2`, as in messages; draws are counted from 1 there."""
        return f"draw {self.draw + 1}, seed {self.seed}" if self.draw else f"seed {self.seed}"


def draw_folder(run: Path, draw: int) -> Path:
    """Where the splits of a draw are."""
    return run / runs.RESPLITS / str(draw) if draw else run


def trainings(run: Path, settings: ExperimentSettings) -> list[Training]:
    """All that the settings ask for, draw by draw, each draw's first seed first."""
    first, *further = settings.seeds
    found = []
    for draw in range(settings.resplits):
        folder = draw_folder(run, draw)
        found.append(Training(draw, first, folder, first=True))
        found += [Training(draw, seed, folder / runs.SEEDS / str(seed), first=False) for seed in further]
    return found


def is_done(training: Training) -> bool:
    """Whether it is finished: its folder is whole."""
    return (training.folder / runs.RUN).is_file()


def finished_seeds(run: Path, settings: ExperimentSettings, draw: int) -> list[Training]:
    """The finished trainings of one draw; empty when its first one is not finished."""
    own = [one for one in trainings(run, settings) if one.draw == draw]
    return [one for one in own if is_done(one)] if is_done(own[0]) else []


def read_failures(run: Path) -> dict[str, str]:
    """Title of each training that failed when last tried -> why."""
    path = run / runs.FAILED
    return dict(runs.read_json(path, "remove it")) if path.is_file() else {}


def write_failures(run: Path, failures: Mapping[str, str]) -> None:
    """Keeps the reasons, or removes the file when nothing failed."""
    path = run / runs.FAILED
    if failures:
        with written_aside(path) as aside:
            runs.write_json(aside, dict(failures))
    else:
        path.unlink(missing_ok=True)
