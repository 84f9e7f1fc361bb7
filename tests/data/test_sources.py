"""Comments of the chosen source, in time and whole."""

import time
from pathlib import Path

import numpy as np
import pytest

from retort.config import DataSettings
from retort.data.sources import read, read_file, read_sample
from tests.data.samples import TASK, complaint, spam_task, table, written


def test_read_chooses_the_source(tmp_path: Path) -> None:
    path = written(tmp_path / "c.csv", table().rename(columns={"text": "body"}))
    settings = DataSettings(source="file", train_file=path, columns={"text": "body"})
    assert len(read(settings, TASK, seed=0).frame) == 400
    assert read(DataSettings(), TASK, seed=0).frame.equals(read_sample(TASK).frame)


def test_the_sample_is_refused_for_a_task_with_other_labels(tmp_path: Path) -> None:
    found = complaint(lambda: read_sample(spam_task(tmp_path)))
    assert found == "the embedded sample has no labels for the task 'spam'; give comments with --data FILE"


def test_a_wide_file_is_read_at_a_million_rows_in_seconds(tmp_path: Path) -> None:
    rows = 20_000
    path = tmp_path / "train.csv"
    cells = ",".join(["0.0"] * 7 + [""] * 24)
    header = ",".join(["id", "comment_text", "target", *TASK.names[1:], *TASK.identities.columns])
    with path.open("w") as file:
        file.write(header + "\n")
        file.writelines(f'{i},"Comment {i}, {"word " * 40}",{cells}\n' for i in range(rows))
    begin = time.perf_counter()
    comments = read_file(path, TASK, {})
    # 1.8 million rows within two minutes on a busy machine, about 20 s on an idle one.
    assert time.perf_counter() - begin < 120 * rows / 1_800_000 + 1
    assert len(comments.frame) == rows


def test_real_files_come_in_whole(real_data: Path) -> None:
    comments = read_file(real_data / "civil_comments" / "train.csv", TASK, {})
    assert (len(comments.frame), comments.report.dropped) == (9981, {})
    assert (comments.frame["toxicity"] >= np.float32(0.6)).mean() == pytest.approx(0.163, abs=0.001)
    kaggle = read_file(real_data / "kaggle_header" / "first_100.csv", TASK, {})
    assert (len(kaggle.frame), kaggle.attributes, kaggle.identities) == (99, TASK.names, TASK.identities.columns)
