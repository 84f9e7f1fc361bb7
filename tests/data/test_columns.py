"""Which column holds what: by the task's headers or the user's names, and the error when one is missing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retort.data.columns import find_columns, require_known_columns
from retort.data.sources import read_file
from retort.errors import ConfigError
from tests.data.samples import TASK, complaint, spam_task, table, written


def test_the_kaggle_header_is_understood_and_its_identities_are_kept(tmp_path: Path) -> None:
    identities = TASK.identities.columns
    columns = {"id": range(500, 900), "target": [0.5] * 400, "comment_text": [f"text {i}" for i in range(400)]}
    columns |= {name: [0.1] * 400 for name in TASK.names[1:]}
    columns |= {name: [1.0] + [None] * 399 for name in identities} | {"created_date": ["2017"] * 400}
    comments = read_file(written(tmp_path / "train.csv", pd.DataFrame(columns)), TASK, {})
    assert comments.attributes == TASK.names
    assert comments.identities == identities
    assert comments.frame["id"].tolist()[:2] == ["500", "501"]
    assert comments.frame["muslim"].tolist()[0] == 1
    assert comments.frame["muslim"].isna().sum() == 399
    assert list(comments.frame) == ["id", "text", *TASK.names, *identities]


def test_headers_are_known_whatever_their_case_and_the_spaces_around_them() -> None:
    columns = find_columns([" Text", "TOXIC ", "Male"], {}, TASK, "c.csv", labelled=True)
    assert columns.headers == {"text": " Text", "toxicity": "TOXIC ", "male": "Male"}


def test_the_wilds_header_has_official_splits(tmp_path: Path) -> None:
    splits = ["train", "val", "test", "train"] * 100
    frame = table(split=splits, LGBTQ=[0.0] * 400, male=[0.0] * 400).rename(columns={"text": "comment_text"})
    path = tmp_path / "all_data_with_identities.csv"
    frame.to_csv(path)  # with pandas' unnamed index column, as the real file has
    comments = read_file(path, TASK, {})
    assert comments.frame["split"].tolist() == ["train", "validation", "test", "train"] * 100
    assert comments.identities == ("male",)


def test_a_split_column_with_other_values_is_not_used_and_noted(tmp_path: Path) -> None:
    comments = read_file(written(tmp_path / "c.csv", table(split=["fold1", "fold2"] * 200)), TASK, {})
    assert "split" not in comments.frame
    assert "'split'" in comments.report.notes[0]


def test_any_column_can_be_named(tmp_path: Path) -> None:
    frame = table(key=[f"k{i}" for i in range(400)], rude=[0.9] * 400, body=["words"] * 400, part=["test"] * 400)
    path = written(tmp_path / "c.csv", frame)
    names = {"text": "body", "id": "key", "split": "part", "toxicity": "rude", "insult": "toxicity"}
    comments = read_file(path, TASK, names)
    assert comments.attributes == ("toxicity", "insult")
    assert comments.frame["toxicity"].tolist()[0] == np.float32(0.9)
    assert comments.frame["insult"].tolist()[0] == np.float32(0.25)
    assert comments.frame["id"].tolist()[:2] == ["k0", "k1"]
    assert set(comments.frame["text"]) == {"words"}
    assert set(comments.frame["split"]) == {"test"}


def test_another_task_has_other_columns(tmp_path: Path) -> None:
    task = spam_task(tmp_path)
    frame = pd.DataFrame(
        {"body": ["buy", "hello"], "number": [7, 8], "junk": [1, 0], "scam": ["", 0], "pharmacy": [1, 0]}
    )
    comments = read_file(written(tmp_path / "c.csv", frame), task, {})
    # The primary label is first, wherever the task file has it.
    assert list(comments.frame) == ["id", "text", "spam", "scam", "pharmacy"]
    assert (comments.attributes, comments.identities) == (("spam", "scam"), ("pharmacy",))
    assert comments.frame["spam"].tolist() == [1, 0]
    assert comments.frame["scam"].isna().tolist() == [True, False]
    found = complaint(lambda: read_file(written(tmp_path / "t.csv", table()), task, {}))
    assert "no column 'message' or 'Body'" in found
    found = complaint(lambda: read_file(written(tmp_path / "t.csv", table()), task, {"text": "text"}))
    assert "no column 'spam' or 'Junk'; found 'text', 'toxicity'. Name it with --column spam=HEADER." in found


@pytest.mark.parametrize(
    ("names", "column", "header"),
    [({}, "text", "'text' or 'comment_text'"), ({"text": "body"}, "toxicity", "'toxicity' or 'target' or 'toxic'"),
     ({"text": "nobody"}, "text", "'nobody'"), ({"text": "body", "toxicity": "score", "insult": "x"}, "insult", "'x'"),
     ({"text": "body", "toxicity": "score", "id": "x"}, "id", "'x'")],
)  # fmt: skip
def test_a_missing_column_names_the_headers_found_and_the_option(
    names: dict[str, str], column: str, header: str
) -> None:
    found = complaint(lambda: find_columns(["id", "body", "score"], names, TASK, "c.csv", labelled=True))
    assert found == (f"c.csv: no column {header}; found 'id', 'body', 'score'. Name it with --column {column}=HEADER.")


def test_a_header_named_for_one_column_is_not_taken_for_another() -> None:
    found = complaint(lambda: find_columns(["text", "toxicity"], {"insult": "toxicity"}, TASK, "c.csv", labelled=True))
    assert "no column 'toxicity' or 'target' or 'toxic'" in found


def test_unknown_names_and_one_header_for_two_columns_are_usage_errors() -> None:
    require_known_columns({"text": "a", "id": "b", "split": "c", "threat": "d"}, TASK)
    with pytest.raises(ConfigError, match=r"no column 'toxcity' \(did you mean 'toxicity'\?\); columns are text, id, "):
        require_known_columns({"toxcity": "a"}, TASK)
    with pytest.raises(ConfigError, match="'a' is given for 'text' too"):
        require_known_columns({"text": "a", "toxicity": "a"}, TASK)
    with pytest.raises(ConfigError, match="'toxcity'"):
        find_columns(["text"], {"toxcity": "a"}, TASK, "c.csv", labelled=False)


def test_without_labels_only_the_text_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("comment_text,toxicity,split\nhello,what,odd\n,1,2\n" + "fine,x,y\n" * 200)
    comments = read_file(path, TASK, {"insult": "gone"}, labelled=False)
    assert list(comments.frame) == ["id", "text"]
    assert comments.attributes == ()
    assert comments.report.dropped["blank text"].first_rows == (2,)


def test_a_file_without_header_does_not_have_its_comments_printed(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("word " * 1000 + ",0.5\nmore,1\n")
    assert len(complaint(lambda: read_file(path, TASK, {}))) < 300 + len(str(path))


def test_a_needed_column_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("text,text,toxicity\na,b,0\n")
    assert "2 columns are called 'text'" in complaint(lambda: read_file(path, TASK, {}))
