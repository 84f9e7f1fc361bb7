"""The teacher's outputs, computed once: the same as computed for each batch."""

from pathlib import Path

import numpy as np
import pytest
import torch

from retort.data.batches import encode
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, load_tokenizer
from retort.models.features import Feature, captured
from retort.training import teacher_outputs as module
from retort.training.teacher_outputs import teacher_outputs
from tests.conftest import tiny_rows

FEATURES = (Feature("value", 3), Feature("hidden", 4), Feature("hidden", 2))


def test_cached_features_and_logits_equal_the_live_teachers(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity",), seed=0).eval()
    tokens = encode([text for _, text, *_ in tiny_rows()[:40]], load_tokenizer(tiny_bert), 32)
    kept = teacher_outputs(teacher, tokens, [*FEATURES, FEATURES[0]], tmp_path / "cache.npy")
    assert kept.cached is not None
    assert kept.features == tuple(sorted(FEATURES))
    assert kept.live is None, "the teacher would stay in memory"
    running = teacher_outputs(teacher, tokens, sorted(FEATURES), None)
    assert running.cached is None
    monkeypatch.setattr(module, "_SHARE_OF_DISK", 0)
    assert teacher_outputs(teacher, tokens, FEATURES, tmp_path / "too-large.npy").cached is None
    rows = np.array([7, 3, 30])
    ids, mask = (torch.from_numpy(a) for a in tokens.padded(rows))
    with torch.no_grad(), captured(teacher, FEATURES) as features_of:
        output = teacher(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        expected = features_of(output)
    real = mask.bool()
    for cached, live, wanted in zip(
        kept.of(rows, FEATURES, ids, mask),
        running.of(rows, FEATURES, ids, mask),
        expected,
        strict=True,
    ):
        torch.testing.assert_close(cached.float()[real], wanted[real], rtol=1e-3, atol=2e-3)
        torch.testing.assert_close(live[real], wanted[real])
    np.testing.assert_allclose(kept.logits[rows], output.logits.numpy(), atol=1e-5)


def test_without_features_no_file_is_written(tiny_bert: Path, tmp_path: Path) -> None:
    teacher = classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity",), seed=0).eval()
    tokens = encode(["a good bus"], load_tokenizer(tiny_bert), 32)
    outputs = teacher_outputs(teacher, tokens, (), tmp_path / "cache.npy")
    assert outputs.cached is None
    assert outputs.live is None
    assert list(tmp_path.iterdir()) == []
