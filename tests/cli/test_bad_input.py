"""What a user can get wrong: one clear line, the exit code of its kind, and nothing half-written."""

import errno
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from safetensors.torch import load_file, save_file

from retort import runs
from tests.command import QUICK, Finished, retort, without_report

HEADER = "id,text,toxicity"


def rows(count: int = 100, toxic: Callable[[int], object] = lambda n: 0.9 if n % 2 else 0.1) -> list[str]:
    words = ("bus", "park", "road", "river")
    return [f"{n},the {words[n % 4]} of house {n},{toxic(n)}" for n in range(count)]


@pytest.fixture
def refused(tiny_bert: Path, tiny_comments: Path, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Runs `compare` on what is given, expects it to be refused, and returns its one line."""

    def run(code: int, *arguments: str | Path, data: Path | None = None, base: str | Path | None = None) -> str:
        out = tmp_path / "out" / "run"
        ended = retort(
            "compare", "--base", base or tiny_bert, "--data", data or tiny_comments, "--out", out, *QUICK, *arguments
        )
        return refusal(ended, code, out.parent)

    with without_report():
        yield run


def refusal(ended: Finished, code: int, empty: Path) -> str:
    """The error line of a command that wrote nothing."""
    assert ended.code == code, ended.err
    assert ended.out == ""
    assert not empty.exists() or not list(empty.iterdir()), "something was left behind"
    line = ended.error
    assert len(line) < 800, line
    assert ";" in line or "should" in line or "must" in line or "with --" in line, f"says not what to do: {line}"
    return line


def write(path: Path, lines: list[str] | bytes) -> Path:
    path.write_bytes(lines if isinstance(lines, bytes) else "\n".join(lines).encode() + b"\n")
    return path


# --- data: exit 3 ---

BAD_FILES: dict[str, tuple[list[str] | bytes, str]] = {
    "empty": (b"", "is empty"),
    "header-alone": ([HEADER], "no rows"),
    "no-text-column": (["id,body,toxicity", *rows()], "'body'"),
    "no-toxicity-column": (["id,text,mood", *rows()], "--column toxicity=HEADER"),
    "one-class": ([HEADER, *rows(toxic=lambda _: 0.1)], "one class only"),
    "too-few-of-one-class": ([HEADER, *rows(toxic=lambda n: 0.9 if n < 9 else 0.1)], "toxicity"),
    "out-of-range": ([HEADER, *rows(toxic=lambda n: 1.5 if n < 5 else n % 2)], "rows 1, 2, 3, 4, 5"),
    "not-numbers": ([HEADER, *rows(toxic=lambda n: "high" if n < 5 else n % 2)], "not a number"),
    "blank-texts": ([HEADER, *(f"{n}, ,0.9" for n in range(5)), *rows()], "blank text, rows 1, 2, 3, 4, 5"),
    "nul-bytes": ([HEADER, *(f"{n},a\0b,0.9" for n in range(5)), *rows()], "NUL byte"),
    "invalid-utf8": (("\n".join([HEADER, *rows()]) + "\n").encode() + b"x,\xff\xfe,0.9\n" * 5, "invalid UTF-8"),
    "ragged": ([HEADER, *rows(), "a,b,0.9,c", "a,b", "a,b,0.1,d", "a"], "ragged row"),
    "utf16": ("\n".join([HEADER, *rows()]).encode("utf-16"), "UTF-16"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_cannot_be_used_is_refused(refused: Callable[..., str], tmp_path: Path, name: str) -> None:
    content, telling = BAD_FILES[name]
    path = write(tmp_path / f"{name}.csv", content)
    line = refused(3, data=path)
    assert telling in line
    assert path.name in line or name == "too-few-of-one-class"


@pytest.mark.parametrize("name", [n for n in BAD_FILES if "class" not in n])
def test_describing_or_judging_on_such_a_file_is_refused_alike(tiny_run: Path, tmp_path: Path, name: str) -> None:
    content, telling = BAD_FILES[name]
    path = write(tmp_path / f"{name}.csv", content)
    for ended in (retort("data", path), retort("evaluate", "--model", tiny_run / "odd", "--data", path)):
        assert telling in refusal(ended, 3, tmp_path / "nothing")


@pytest.mark.parametrize("flag", ["--data", "--validation", "--test", "--unlabelled"])
def test_a_missing_file_is_named(refused: Callable[..., str], tmp_path: Path, flag: str) -> None:
    assert "gone.csv: no such file" in refused(3, flag, tmp_path / "gone.csv")


def test_a_folder_and_a_strange_ending_are_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "is a folder" in refused(3, data=tmp_path)
    assert "unknown ending" in refused(3, data=write(tmp_path / "comments.docx", [HEADER, *rows()]))


def test_a_file_without_read_permission_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    path = write(tmp_path / "locked.csv", [HEADER, *rows()])
    denied = PermissionError(errno.EACCES, "Permission denied", str(path))
    # The base is hashed first.
    with mock.patch("retort.runs.sha256", side_effect=["0", denied]):
        line = refused(3, data=path)
    assert "locked.csv: cannot be read (Permission denied)" in line


def test_an_attribute_chosen_by_name_must_be_in_the_file(refused: Callable[..., str]) -> None:
    assert "threat: no such column" in refused(3, "--set", "attributes=[toxicity,threat]")


def test_a_named_column_that_is_not_there_names_what_was_found(refused: Callable[..., str]) -> None:
    line = refused(3, "--text-column", "body")
    assert "no column 'body'; found 'id', 'text', 'toxicity', 'insult'" in line


# --- settings: exit 2 ---

BAD_SETTINGS = {
    "unknown key": (["--set", "studnt.epochs=3"], "did you mean 'student'?"),
    "unknown key within": (["--set", "student.epoch=3"], "did you mean 'epochs'?"),
    "unknown key of an arm": (["--set", "arm.odd.layer=odd"], "did you mean 'layers'?"),
    "unknown key in an arm's overrides": (["--set", "arm.odd.training.learning_rat=1"], "learning_rate"),
    "not a number": (["--set", "student.epochs=many"], "student.epochs = 'many'"),
    "out of range": (["--set", "decision_threshold=2"], "decision_threshold = 2"),
    "no assignment": (["--set", "student.epochs"], "not key=value"),
    "unknown arm": (["--set", "arms=[teacher,od]"], "did you mean 'odd'?"),
    "an arm twice": (["--set", "arms=[teacher,teacher]"], "twice"),
    "students without a teacher": (["--set", "arms=[odd]"], "no teacher itself; add 'teacher'"),
    "unknown attribute": (["--set", "attributes=[toxicity,insults]"], "did you mean 'insult'?"),
    "without the primary attribute": (["--set", "attributes=[insult]"], "'toxicity'"),
    "shares of one and more": (["--set", "data.test_share=0.9"], "leave rows to train on"),
    "parts that do not divide the batch": (["--set", "teacher.accumulation_steps=3"], "multiple of accumulation"),
    "no loss at all": (["--set", "distillation.hard=0", "--set", "distillation.soft=0", "--set",
                        "distillation.hidden=0"], "above 0"),
    "a layer that does not exist": (["--set", "arm.odd.layers=[0,9]"], "no layer 9; name some of the model's"),
    "a layer twice": (["--set", "arm.odd.layers=[1,1]"], "named twice"),
    "more comments than there are": (["--set", "data.comments=5000"], "only 120 usable comments"),
    "longer than the base reads": (["--set", "max_length=129"], "128 tokens at most"),
    "an adapter on what BERT lacks": (["--set", "lora.target_modules=[q_proj]"], "query, key, value"),
    "unknown preset": (["--preset", "seeds"], "did you mean 'seed'?"),
    "unknown tracker": (["--track", "wandb"], "there is tensorboard"),
    "unknown flag": (["--bogus"], "see retort compare --help"),
    "a value missing": (["--seed"], "see retort compare --help"),
    "no number": (["--seed", "x"], "see retort compare --help"),
    "a surplus word": (["hello"], "see retort compare --help"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_settings_that_do_not_exist_or_fit_are_refused(refused: Callable[..., str], name: str) -> None:
    arguments, telling = BAD_SETTINGS[name]
    assert telling in refused(2, *arguments)


@pytest.mark.parametrize(
    ("content", "telling"),
    [
        ("[studnt]\nepochs = 3\n", "did you mean 'student'?"),
        ("student.epoch = 3\n", "did you mean 'epochs'?"),
        ("[data]\ncolums = {}\n", "did you mean 'columns'?"),
        ("preset = 'seeds'\n", "did you mean 'seed'?"),
        ("this is no TOML", "not valid TOML"),
    ],
)
def test_a_config_file_with_a_mistake_is_refused(
    refused: Callable[..., str], tmp_path: Path, content: str, telling: str
) -> None:
    line = refused(2, "--config", write(tmp_path / "mine.toml", [content]))
    assert telling in line
    assert "mine.toml" in line or "preset" in line


def test_a_config_file_that_is_missing_or_no_text_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "gone.toml: cannot be read" in refused(2, "--config", tmp_path / "gone.toml")
    assert "not valid TOML" in refused(2, "--config", write(tmp_path / "bytes.toml", b"\xff\xfe\x00"))


def test_odd_and_even_of_an_odd_number_of_layers_are_refused(
    refused: Callable[..., str], tiny_bert: Path, tmp_path: Path
) -> None:
    base = with_three_layers(tiny_bert, tmp_path / "three")
    for arm in ("odd", "even"):
        line = refused(2, "--set", f"arms=[teacher,{arm}]", base=base)
        assert "3 layers, which do not halve" in line
    assert "name them" in line


def with_three_layers(tiny_bert: Path, folder: Path) -> Path:
    shutil.copytree(tiny_bert, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: t for name, t in weights.items() if "layer.3." not in name},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    return folder


def test_an_output_folder_that_holds_something_is_refused_and_left_alone(
    tiny_bert: Path, tiny_comments: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "precious.txt").write_text("mine")
    ended = retort("compare", "--base", tiny_bert, "--data", tiny_comments, "--out", out)
    assert ended.code == 2
    assert "not empty; name another folder with --out" in ended.error
    assert [p.name for p in out.iterdir()] == ["precious.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_an_output_folder_below_a_file_is_refused(tiny_bert: Path, tiny_comments: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "file", b"x")
    ended = retort("compare", "--base", tiny_bert, "--data", tiny_comments, "--out", file / "run")
    assert ended.code == 2
    assert "name another place" in ended.error


def test_an_unknown_command_or_preset_is_refused(tmp_path: Path) -> None:
    assert "retort --help" in refusal(retort("compar"), 2, tmp_path)
    assert "did you mean 'seed'?" in refusal(retort("presets", "sed"), 2, tmp_path)


# --- models: exit 4 ---


def changed_config(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        config = {key: value for key, value in (config | changes).items() if value is not None}
        (folder / "config.json").write_text(json.dumps(config))

    return change


def changed_weights(change: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        change(weights)
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    return apply


def _not_a_number(weights: dict[str, torch.Tensor]) -> None:
    weights["encoder.layer.1.output.dense.weight"][0, 0] = float("nan")


def _without_a_layers_query(weights: dict[str, torch.Tensor]) -> None:
    del weights["encoder.layer.2.attention.self.query.weight"]


def _removed(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _replaced(name: str, content: bytes) -> Callable[[Path], None]:
    def replace(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return replace


def _cut_in_half(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BAD_BASES: dict[str, tuple[Callable[[Path], None], str]] = {
    "not BERT-shaped": (changed_config(model_type="roberta"), "a 'roberta' model, not a BERT"),
    "without a model type": (changed_config(model_type=None), "not a BERT"),
    "without a number of layers": (changed_config(num_hidden_layers=None), "num_hidden_layers"),
    "config that is a list": (_replaced("config.json", b"[]"), "not a BERT"),
    "config that is no JSON": (_replaced("config.json", b"{"), "not valid JSON"),
    "without a config": (_removed("config.json"), "no config.json"),
    "without weights": (_removed("model.safetensors"), "no model.safetensors"),
    "without a tokenizer": (_removed("tokenizer.json"), "no tokenizer.json or vocab.txt"),
    "a broken tokenizer": (_replaced("tokenizer.json", b"{broken"), "the tokenizer cannot be loaded"),
    "truncated weights": (_cut_in_half, "cannot be loaded"),
    "empty weights": (_replaced("model.safetensors", b""), "cannot be loaded"),
    "NaN in the weights": (changed_weights(_not_a_number), "encoder.layer.1.output.dense.weight holds NaN"),
    "a tensor missing": (changed_weights(_without_a_layers_query), "layer.2.attention.self.query.weight, which the"),
    "more layers in config than in weights": (changed_config(num_hidden_layers=6), "which the weights lack"),
    "more layers in weights than in config": (changed_config(num_hidden_layers=2), "no place for"),
    "another width": (changed_config(hidden_size=64), "another shape"),
    "fewer words than the tokenizer": (
        changed_weights(lambda w: w.update({"embeddings.word_embeddings.weight": torch.zeros(100, 32)})),
        "another shape",
    ),
}


@pytest.mark.parametrize("name", BAD_BASES)
def test_a_base_that_is_unfit_is_refused_before_any_training(
    refused: Callable[..., str], tiny_bert: Path, tmp_path: Path, name: str
) -> None:
    break_it, telling = BAD_BASES[name]
    shutil.copytree(tiny_bert, tmp_path / "base")
    break_it(tmp_path / "base")
    with mock.patch("retort.recipes.compare.read_inputs", side_effect=AssertionError("too late")):
        line = refused(4, base=tmp_path / "base")
    assert telling in line
    assert str(tmp_path / "base") in line


def test_a_tokenizer_with_more_pieces_than_the_weights_is_refused(
    refused: Callable[..., str], tiny_bert: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_bert, base)
    changed_config(vocab_size=100)(base)
    changed_weights(
        lambda w: w.update({"embeddings.word_embeddings.weight": w["embeddings.word_embeddings.weight"][:100].clone()})
    )(base)
    assert "take both from one model" in refused(4, base=base)


@pytest.mark.parametrize("name", ["./gone", "/gone", "one/two/three", "not a name", "bert-base-uncased"])
def test_a_base_that_is_not_there_is_refused(refused: Callable[..., str], name: str) -> None:
    assert f"base {name}" in refused(4, base=name)


def test_a_teacher_that_is_unfit_is_refused(
    refused: Callable[..., str], tiny_run: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    assert "no such folder" in refused(4, "--teacher", tmp_path / "gone")
    assert "a run, not a model" in refused(4, "--teacher", tiny_run)
    assert "not a BERT sequence classifier" in refused(4, "--teacher", tiny_bert)
    assert "is no model" in refused(4, "--teacher", tiny_run / "majority")
    shutil.copytree(tiny_run / "teacher", tmp_path / "changed")
    _cut_in_half(tmp_path / "changed")
    assert "changed since" in refused(4, "--teacher", tmp_path / "changed")


def test_a_teacher_with_attributes_in_another_order_is_refused(
    refused: Callable[..., str], tiny_run: Path, tmp_path: Path
) -> None:
    """Its first logit would be taken for toxicity."""
    folder = tmp_path / "foreign"
    shutil.copytree(tiny_run / "teacher", folder)
    for name in ("retort.json", "manifest.json"):
        (folder / name).unlink()
    changed_config(id2label={"0": "insult", "1": "toxicity"})(folder)
    assert "in this order" in refused(4, "--teacher", folder)


def test_a_teacher_that_rates_what_the_comments_lack_is_refused(
    refused: Callable[..., str], tiny_run: Path, tmp_path: Path
) -> None:
    line = refused(3, "--teacher", tiny_run / "teacher", data=write(tmp_path / "one.csv", [HEADER, *rows()]))
    assert "insult: no such column" in line


# --- disk, memory, permission: exit 5 ---


@pytest.mark.parametrize("stage", ["write_inputs", "train"])
def test_a_full_disk_before_any_arm_is_finished_leaves_nothing(refused: Callable[..., str], stage: str) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with mock.patch(f"retort.recipes.compare.{stage}", side_effect=full):
        assert "No space left on device" in refused(5, "--set", "arms=[majority]")


@pytest.mark.parametrize("stage", ["_write_judgement", "write_report"])
def test_a_full_disk_later_keeps_the_finished_arms(
    tiny_bert: Path, tiny_comments: Path, tmp_path: Path, stage: str
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    only = ("--set", "arms=[majority]")
    with mock.patch(f"retort.recipes.compare.{stage}", side_effect=full):
        ended = retort("compare", "--base", tiny_bert, "--data", tiny_comments, "--out", tmp_path / "run", *only)
    assert ended.code == 5
    assert ended.error.endswith(f"; finished and kept in {tmp_path / 'run.partial'}: majority")
    assert (tmp_path / "run.partial" / "majority" / "predictions.parquet").is_file()


@pytest.mark.parametrize(("size", "kept"), [("60k", []), ("200k", []), ("700k", ["teacher"])])
def test_a_disk_that_is_really_full_keeps_what_was_finished_alone(
    tiny_bert: Path, tiny_comments: Path, tmp_path: Path, size: str, kept: list[str]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    arms = ("--set", "arms=[teacher,odd,even]")
    try:
        ended = retort("compare", "--base", tiny_bert, "--data", tiny_comments, "--out", disk / "run", *QUICK, *arms)
        assert ended.code == 5, ended.err
        assert "free some space" in ended.error
        for arm in kept:
            runs.check_manifest(disk / "run.partial" / arm)
        assert bool(kept) == (disk / "run.partial").exists()
    finally:
        # Lazily: a mapped file of the failed run may live as long as its traceback.
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_folder_that_may_not_be_written_is_an_error_of_permission(refused: Callable[..., str]) -> None:
    with mock.patch("pathlib.Path.mkdir", side_effect=PermissionError(errno.EACCES, "Permission denied")):
        assert "Permission denied" in refused(5, "--set", "arms=[majority]")


def test_too_little_memory_is_one_line(refused: Callable[..., str]) -> None:
    with mock.patch("retort.recipes.compare.read_inputs", side_effect=MemoryError):
        assert "out of memory" in refused(5)


def test_a_package_that_is_missing_is_answered_by_its_install_line(refused: Callable[..., str]) -> None:
    missing = ModuleNotFoundError("No module named 'torch'", name="torch")
    with mock.patch("retort.recipes.compare.read_inputs", side_effect=missing):
        assert "pip install 'retort-nlp[train]'" in refused(5)


# --- a run that fails: exit 6 ---


def test_a_loss_that_is_not_finite_stops_the_run_and_leaves_nothing(refused: Callable[..., str]) -> None:
    line = refused(6, "--set", "teacher.learning_rate=1e30", "--set", "teacher.max_gradient_norm=1e30",
                   "--set", "arms=[teacher]")  # fmt: skip
    assert "arm teacher: epoch" in line
    assert "the hard term is" in line


def test_an_unexpected_error_is_one_line_too(refused: Callable[..., str]) -> None:
    with mock.patch("retort.recipes.compare.read_inputs", side_effect=KeyError("odd")):
        line = refused(6)
    assert "unforeseen KeyError" in line
    assert "--debug" in line
