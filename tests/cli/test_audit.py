"""`retort audit`: what it writes and prints, and what it refuses."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from retort import runs
from retort.tasks import default_task
from tests.command import retort
from tests.inference.foreign_folder import write_foreign

CASES = """functionality,test_case,label_gold,target_ident,direction
attack,the driver who sold the road is a fool!,hateful,drivers,directed
attack,what a rotten bus from the mayor.,hateful,,general
praise,the good driver opened the park today.,non-hateful,drivers,
praise,the honest women mended the bridge again.,non-hateful,women,
"""
# A process in which torch cannot be imported.
WITHOUT_TORCH = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "peft"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
sys.argv = ["retort", *sys.argv[1:]]
from retort.cli import main
main()
"""


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    path = tmp_path / "cases.csv"
    path.write_text(CASES, "utf-8")
    return path


def test_models_side_by_side_in_a_whole_folder(tiny_run: Path, cases: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit"
    ended = retort(
        "audit",
        "--model",
        tiny_run / "teacher",
        "--model",
        tiny_run / "tfidf",
        "--suite",
        cases,
        "--swap",
        "--out",
        out,
    )
    assert ended.code == 0, ended.err
    assert sorted(path.name for path in out.iterdir()) == [
        "audit.html", "audit.json", "audit.md", "failures.jsonl", "plots",
    ]  # fmt: skip
    assert not out.with_name("audit.partial").exists()
    result = json.loads((out / "audit.json").read_text("utf-8"))
    assert list(result["models"]) == list(result["functional"]["models"]) == ["teacher", "tfidf"]
    assert result["suite"]["kind"] == "HateCheck"
    assert result["suite"]["sha256"] == runs.sha256(cases)
    assert result["swap"]["sentences"] == 1
    teacher = result["functional"]["models"]["teacher"]
    assert set(teacher["functionalities"]) == {"attack", "praise"}
    assert set(teacher["groups"]) == {"drivers", "women"}
    lines = ended.out.splitlines()
    assert any(line.split()[:1] == ["teacher"] for line in lines)
    assert any(str(out / "audit.html") in line for line in lines)
    assert "scoring with teacher" in ended.err


def test_json_is_what_the_folder_holds(tiny_run: Path, cases: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit"
    ended = retort("audit", "--model", tiny_run / "tfidf", "--suite", cases, "--out", out, "--json")
    assert json.loads(ended.out) == json.loads((out / "audit.json").read_text("utf-8"))


def test_without_a_suite_the_one_in_the_package_is_run(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = retort("audit", "--model", tiny_run / "tfidf")
    assert ended.code == 0, ended.err
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("audit-")
    result = json.loads((folder / "audit.json").read_text("utf-8"))
    assert result["suite"]["name"] == "the suite in the box"
    assert result["suite"]["attributes"] == list(default_task().names)
    # The tiny models rate two of them.
    assert list(result["functional"]["models"]["tfidf"]["attributes"]) == result["models"]["tfidf"]["attributes"]


def test_models_of_one_name_are_told_apart_by_their_folders(tiny_run: Path, cases: Path, tmp_path: Path) -> None:
    other = shutil.copytree(tiny_run / "tfidf", tmp_path / "other" / "tfidf")
    ended = retort(
        "audit",
        "--model",
        tiny_run / "tfidf",
        "--model",
        other,
        "--suite",
        cases,
        "--out",
        tmp_path / "audit",
        "--json",
    )
    assert list(json.loads(ended.out)["models"]) == ["run/tfidf", "other/tfidf"]


def test_words_of_labelled_comments_are_disguised(tiny_run: Path, cases: Path, tmp_path: Path) -> None:
    data = tmp_path / "labelled.csv"
    rows = [f"you are a fool number {name},1" for name in "abc"] + [f"a lovely picture of {name},0" for name in "abc"]
    data.write_text("\n".join(["text,label", *rows]) + "\n", "utf-8")
    common = ["audit", "--model", tiny_run / "teacher", "--model", tiny_run / "tfidf", "--suite", cases]
    ended = retort(*common, "--attack", "--attack-data", data, "--attack-rows", 4, "--out", tmp_path / "audit")
    assert ended.code == 0, ended.err
    found = json.loads((tmp_path / "audit" / "audit.json").read_text("utf-8"))["attack"]
    assert (found["rows"], found["positives"], found["words_by"]) == (4, 2, "teacher")
    assert all(one["without_normaliser"] for one in found["models"].values())
    assert "zero width" in (tmp_path / "audit" / "audit.md").read_text("utf-8")
    assert (tmp_path / "audit" / "plots" / "attack.svg").is_file()


def test_data_to_disguise_needs_attack(tiny_run: Path, cases: Path, tmp_path: Path) -> None:
    ended = retort("audit", "--model", tiny_run / "tfidf", "--attack-data", cases, "--out", tmp_path / "audit")
    assert ended.code == 2
    assert "--attack" in ended.err
    assert not (tmp_path / "audit").exists()


def test_an_export_is_audited_where_torch_is_not_installed(tiny_exports: Path, cases: Path, tmp_path: Path) -> None:
    def audited(model: Path, out: Path) -> subprocess.CompletedProcess[str]:
        arguments = ["audit", "--model", model, "--suite", cases, "--swap", "--out", out, "--json"]
        return subprocess.run(
            [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)], capture_output=True, text=True, check=False
        )

    ended = audited(tiny_exports / "int8", tmp_path / "audit")
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    (facts,) = result["models"].values()
    assert facts["format"] == "onnx int8"
    assert result["swap"]["models"]


def test_a_foreign_classifier_is_judged_at_one_half_and_that_is_said(
    tiny_bert: Path, cases: Path, tmp_path: Path
) -> None:
    folder = write_foreign(tmp_path / "foreign", tiny_bert, {0: default_task().primary})
    ended = retort("audit", "--model", folder, "--suite", cases, "--out", tmp_path / "audit", "--json")
    assert ended.code == 0, ended.err
    facts = json.loads(ended.out)["models"]["foreign"]
    assert (facts["threshold"], facts["has_threshold"], facts["role"]) == (0.5, False, "foreign")
    assert "foreign: no threshold was chosen for it; 0.5 decides" in ended.err


Write = Callable[[str], Path]


@pytest.mark.parametrize(
    ("content", "telling"),
    [
        ("", "is empty"),
        ("text,label\n", "no rows"),
        ("text,label\n,1\n", "cannot be used"),
        ("functionality,test_case,target_ident,direction\na,b,c,d\n", "'label_gold'"),
        ("a,b\n1,2\n", "found 'a', 'b'"),
        ("text,label\nfine,perhaps\n", "row 1: label 'perhaps'"),
    ],
)
def test_an_unfit_suite_is_refused_and_nothing_is_left(
    tiny_run: Path, tmp_path: Path, content: str, telling: str
) -> None:
    path = tmp_path / "cases.csv"
    path.write_text(content, "utf-8")
    out = tmp_path / "out" / "audit"
    ended = retort("audit", "--model", tiny_run / "tfidf", "--suite", path, "--out", out)
    assert ended.code == 3
    assert telling in ended.error
    assert ended.out == ""
    assert not out.parent.exists()


def test_wrong_arguments_are_refused_before_any_work(tiny_run: Path, cases: Path, tmp_path: Path) -> None:
    model, out = ("--model", tiny_run / "tfidf"), ("--out", tmp_path / "audit")
    refused = {
        "--suite": retort("audit", *model, "--column", "text=body", *out),
        "named twice": retort("audit", *model, *model, "--suite", cases, *out),
        "did you mean 'text'": retort("audit", *model, "--suite", cases, "--column", "txet=test_case", *out),
        "not empty": retort("audit", *model, "--suite", cases, "--out", tmp_path),
    }
    for telling, ended in refused.items():
        assert (ended.code, telling in ended.error) == (2, True), ended.err
    absent = retort("audit", "--model", tmp_path / "nothing", "--suite", cases, *out)
    assert (absent.code, "no such folder" in absent.error) == (4, True), absent.err
    whole_run = retort("audit", "--model", tiny_run, "--suite", cases, *out)
    assert (whole_run.code, "a run, not a model" in whole_run.error) == (4, True), whole_run.err
    assert not (tmp_path / "audit").exists()


def test_models_of_two_tasks_are_not_audited_together(tiny_run: Path, cases: Path, tmp_path: Path) -> None:
    other = shutil.copytree(tiny_run / "tfidf", tmp_path / "spam")
    about = runs.read_json(other / runs.RETORT, "it has one")
    about["task"]["name"] = "spam"
    runs.write_json(other / runs.RETORT, about)
    (other / runs.MANIFEST).unlink()
    ended = retort(
        "audit", "--model", tiny_run / "tfidf", "--model", other, "--suite", cases, "--out", tmp_path / "audit"
    )
    assert ended.code == 4
    assert "audit them apart" in ended.error
