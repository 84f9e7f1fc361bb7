"""A task read from TOML: its names, words and headers, and what is refused."""

from pathlib import Path

import pytest

from retort.errors import ConfigError, ModelError
from retort.tasks import default_task, read_task, recorded_task

SPAM = """
name = "spam"
primary = "spam"
meaning = "Nobody asked for it."
[verdict]
positive = "Spam"
negative = "Not spam"
[columns]
text = ["message"]
[[labels]]
name = "scam"
title = "attempted scam"
[[labels]]
name = "spam"
headers = ["junk"]
perspective = "SPAM"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "spam.toml"
    path.write_text(SPAM)
    return path


def test_the_primary_label_comes_first_and_labels_keep_their_titles(file: Path) -> None:
    task = read_task(file)
    assert task.names == ("spam", "scam")
    assert [task.title(name) for name in (*task.names, "other_name")] == ["spam", "attempted scam", "other name"]
    assert task.in_order(["scam", "spam", "unknown"]) == ("spam", "scam")
    assert task.perspective_names == {"spam": "SPAM"}


def test_the_verdict_has_words_for_people_and_keys_for_programs(file: Path) -> None:
    task = read_task(file)
    assert task.words == {"positive": "Spam", "negative": "Not spam", "unsure": "Unsure"}
    assert task.keys == {"positive": "spam", "negative": "not-spam", "unsure": "unsure"}
    assert (task.adjective, task.negative_adjective) == ("spam", "not spam")


def test_a_label_is_known_by_its_own_name_and_its_headers(file: Path) -> None:
    assert read_task(file).headers == {
        "text": ("message",), "id": ("id",), "split": ("split",), "scam": ("scam",), "spam": ("spam", "junk"),
    }  # fmt: skip


def test_a_task_written_into_a_folder_is_read_again_as_it_was(file: Path) -> None:
    for task in (read_task(file), default_task()):
        assert recorded_task(task.as_dict(), "retort.json") == task


def test_a_folder_that_records_no_task_was_made_for_the_default_one() -> None:
    assert recorded_task(None, "retort.json") is default_task()


def test_a_model_fits_a_task_that_has_its_labels_whatever_the_words(file: Path) -> None:
    trained_for = read_task(file)
    for old, new in (('"Not spam"', '"Wanted"'), ("[[labels]]", '[[labels]]\nname = "advert"\n[[labels]]')):
        file.write_text(SPAM.replace(old, new, 1))
        assert read_task(file).misfit(trained_for, trained_for.names) is None
    more = read_task(file)
    assert trained_for.misfit(more, ("spam", "scam")) is None
    assert trained_for.misfit(more, more.names) == "it rates advert, which the task lacks; the task has spam, scam"
    file.write_text(SPAM.replace('primary = "spam"', 'primary = "scam"'))
    assert trained_for.misfit(read_task(file), ("scam",)) == "its primary label is 'scam', that of the task is 'spam'"
    assert trained_for.misfit(default_task(), ()) == "trained for the task 'toxicity', not for 'spam'"


def test_a_recorded_task_that_is_broken_is_refused() -> None:
    with pytest.raises(ModelError, match=r"RUN/odd/retort\.json: its task"):
        recorded_task({"name": "spam"}, "RUN/odd/retort.json")


def test_the_default_task_is_the_seven_ratings_of_the_perspective_api() -> None:
    task = default_task()
    assert task.names == (
        "toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack", "sexual_explicit",
    )  # fmt: skip
    assert (task.primary, task.label_threshold) == ("toxicity", 0.6)
    assert task.perspective_names["obscene"] == "PROFANITY"
    assert len(task.perspective_names) == 7
    assert task.keys == {"positive": "toxic", "negative": "non-toxic", "unsure": "unsure"}
    assert len(task.identities.columns) == 24


@pytest.mark.parametrize(
    ("old", "new", "telling"),
    [
        ('meaning = "', 'meanin = "', r"unknown key 'meanin' \(did you mean 'meaning'\?\); known here: name, meaning"),
        (
            'title = "',
            'titel = "',
            r"unknown key 'labels\.0\.titel' \(did you mean 'title'\?\); known here",
        ),
        ('primary = "spam"', 'primary = "spm"', r"primary = 'spm': no such label \(did you mean 'spam'\?\)"),
        ('headers = ["junk"]', 'headers = ["scam"]', r"header 'scam' is given to both 'scam' and 'spam'"),
        ('headers = ["junk"]', 'headers = ["Message"]', r"header 'Message' is given to both 'text' and 'spam'"),
        ('name = "scam"', 'name = "spam"', r"two columns are called 'spam'"),
        ('name = "scam"', 'name = "Scam!"', r"labels\.0\.name = 'Scam!'"),
        ('name = "scam"', 'name = "text"', r"'text' is the name of another column"),
        ('negative = "Not spam"', 'negative = "Spam"', r"its words must differ"),
        ('meaning = "Nobody asked for it."', "", r"no 'meaning'; known here: name, meaning, primary"),
        ("[[labels]]", "[[labels", r"not valid TOML"),
        ('text = ["message"]', "text = []", r"columns\.text = \[\]: must name at least one header"),
        ('text = ["message"]', 'text = [" "]', r"columns\.text\.0 = ' ': must not be blank"),
        ('["junk"]', '["junk "]', r"labels\.1\.headers\.0 = 'junk ': must not begin or end with a blank"),
        ('"attempted scam"', '"attempted\\nscam"', r"labels\.0\.title = .*: must be one line"),
        ('"attempted scam"', '"  "', r"labels\.0\.title = '  ': must not be blank"),
        ('negative = "Not spam"', 'negative = "Not\\r\\nspam"', r"verdict\.negative = .*: must be one line"),
        ('positive = "Spam"', 'positive = ""', r"verdict\.positive = '': must not be empty"),
        (
            'name = "scam"',
            'name = "scam"\nperspective = "SPAM"',
            r"perspective 'SPAM' is given to both 'scam' and 'spam'",
        ),
        (
            "[[labels]]",
            '[identities]\ncolumns = ["junk"]\n[[labels]]',
            r"header 'junk' is given to both 'spam' and 'junk'",
        ),
    ],
)
def test_a_task_file_that_does_not_fit_is_refused_by_file_and_key(file: Path, old: str, new: str, telling: str) -> None:
    assert old in SPAM
    file.write_text(SPAM.replace(old, new, 1))
    with pytest.raises(ConfigError, match=rf"spam\.toml: .*{telling}"):
        read_task(file)


def test_a_task_without_labels_is_refused(file: Path) -> None:
    file.write_text(SPAM.partition("[[labels]]")[0])
    with pytest.raises(ConfigError, match=r"spam\.toml: no 'labels'"):
        read_task(file)


def test_a_task_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.toml: cannot be read .* --task"):
        read_task(tmp_path / "gone.toml")
