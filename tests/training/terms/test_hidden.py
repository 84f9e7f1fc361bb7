"""The hidden term: cosine over real tokens, and which layers it matches."""

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from retort.errors import ConfigError
from retort.models.features import Feature, captured
from retort.training.terms import hidden
from retort.training.terms.hidden import hidden_state_loss, matched_entries


def test_it_is_one_minus_cosine_over_real_tokens_alone() -> None:
    student = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]]])
    teacher = torch.tensor([[[2.0, 0.0], [5.0, 0.0], [-9.0, -9.0]]])
    mask = torch.tensor([[1, 1, 0]])
    # Cosines 1 and 0; the padding's -1 does not count.
    torch.testing.assert_close(hidden_state_loss([student], [teacher], mask), torch.tensor([0.5]))


def test_each_student_layer_is_compared_with_its_own_target() -> None:
    a, b = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])
    mask = torch.ones(1, 1, dtype=torch.int64)
    assert float(hidden_state_loss([a, b], [a, b], mask)) < 1e-6
    assert float(hidden_state_loss([b, a], [a, b], mask)) > 0.99


def test_both_sides_must_have_as_many_layers() -> None:
    states = torch.ones(1, 2, 3)
    with pytest.raises(ValueError, match="1 student and 2 teacher layers"):
        hidden_state_loss([states], [states, states], torch.ones(1, 2))


def test_source_match_compares_with_the_output_of_the_layer_copied() -> None:
    # Entry 0 of hidden_states is the embeddings' output.
    assert matched_entries(3, (0, 2, 4), 6, "source") == (1, 3, 5)
    assert matched_entries(3, (1, 3, 5), 6, "source") == (2, 4, 6)


def test_block_match_compares_with_the_last_layer_of_the_block_replaced() -> None:
    assert matched_entries(3, (0, 2, 4), 6, "block") == (2, 4, 6)
    assert matched_entries(3, None, 6, "block") == (2, 4, 6)
    assert matched_entries(6, (0, 2, 4, 7, 9, 11), 12, "block") == (2, 4, 6, 8, 10, 12)


def test_layers_of_another_model_have_no_source_in_the_teacher() -> None:
    with pytest.raises(ConfigError, match="not copied from the teacher"):
        matched_entries(2, None, 6, "source")


def test_a_student_deeper_than_its_teacher_has_no_blocks() -> None:
    with pytest.raises(ConfigError, match="6 layers and the teacher 4"):
        matched_entries(6, None, 4, "block")


def test_hidden_state_of_entry_i_plus_1_is_the_output_of_layer_i() -> None:
    config = BertConfig(vocab_size=20, hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=8)
    model = BertForSequenceClassification(config).eval()
    pairs = hidden.pairs(1, (2,), 4, hidden.Settings(hidden_match="source"))
    assert pairs == ((Feature("hidden", 1), Feature("hidden", 3)),)
    outputs = []
    hook = model.bert.encoder.layer[2].register_forward_hook(lambda _m, _i, out: outputs.append(out))
    with torch.no_grad(), captured(model, [pairs[0][1]]) as features_of:
        (found,) = features_of(model(input_ids=torch.arange(8)[None], output_hidden_states=True))
    hook.remove()
    assert torch.equal(found, outputs[0] if isinstance(outputs[0], torch.Tensor) else outputs[0][0])
