"""The attention term: the relations that the model itself computes, compared over heads and real tokens."""

import pytest
import torch
from scipy.special import rel_entr, softmax
from transformers import BertConfig, BertForSequenceClassification

from retort.models.features import captured
from retort.training.terms import Batch, Outputs, attention
from retort.training.terms.attention import relation_loss, relations

MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
IDS = torch.tensor([[2, 7, 8, 3], [2, 9, 0, 0]])


def model(seed: int) -> BertForSequenceClassification:
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=20, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8,
        attn_implementation="eager",
    )  # fmt: skip
    return BertForSequenceClassification(config).eval()


def outputs_of(bert: BertForSequenceClassification) -> Outputs:
    own = [pair[0] for pair in attention.pairs(2, None, 2, attention.Settings())]
    with captured(bert, own) as features_of:
        output = bert(input_ids=IDS, attention_mask=MASK, output_attentions=True)
        return Outputs(output.logits, tuple(features_of(output)), heads=2)


def test_the_attention_distribution_is_the_last_layers_own() -> None:
    bert = model(0)
    distribution, _ = relations(outputs_of(bert), MASK)
    with torch.no_grad():
        expected = bert(input_ids=IDS, attention_mask=MASK, output_attentions=True).attentions[-1]
    real = MASK.bool()
    for row in range(2):
        found = distribution[row].exp()[:, real[row]]
        torch.testing.assert_close(found, expected[row][:, real[row]], rtol=1e-4, atol=1e-6)
        assert not found[..., ~real[row]].any()


def test_the_loss_is_the_divergence_by_head_and_real_token_of_distributions_and_value_relations() -> None:
    student, teacher = outputs_of(model(0)), outputs_of(model(1))
    found = attention.compare(student, teacher, Batch(MASK, torch.zeros(2, 1)), attention.Settings())
    expected = 0.0
    for row, length in enumerate((4, 2)):
        sides = []
        for side in (student, teacher):
            query, key, value = (f[row, :length].detach().numpy().reshape(length, 2, 8) for f in side.features)
            sides.append([
                [softmax(a[:, h] @ b[:, h].T / 8**0.5, axis=1) for a, b in ((query, key), (value, value))]
                for h in range(2)
            ])  # fmt: skip
        for kind in range(2):
            expected += sum(rel_entr(theirs[kind], own[kind]).sum() for own, theirs in zip(*sides, strict=True)) / (
                2 * length
            )
    assert found.shape == (2,)
    assert found.sum().item() == pytest.approx(float(expected), rel=1e-4)


def test_it_vanishes_for_the_teacher_itself_and_gives_a_student_a_gradient() -> None:
    bert = model(0)
    batch = Batch(MASK, torch.zeros(2, 1))
    same = attention.compare(outputs_of(bert), outputs_of(bert), batch, attention.Settings())
    assert same.abs().max() < 1e-5
    other = attention.compare(outputs_of(bert), outputs_of(model(1)), batch, attention.Settings())
    other.sum().backward()
    gradient = bert.bert.encoder.layer[1].attention.self.value.weight.grad
    assert gradient is not None
    assert gradient.abs().max() > 0


def test_different_numbers_of_heads_are_refused() -> None:
    with pytest.raises(ValueError, match="give as many heads"):
        relation_loss(torch.zeros(1, 2, 3, 3), torch.zeros(1, 4, 3, 3), torch.ones(1, 3))


def test_it_is_off_by_default() -> None:
    assert attention.WEIGHT == 0
