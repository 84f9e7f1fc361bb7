"""A student holds copies of its teacher's weights, layer by layer."""

import copy

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from retort.models.layer_strategies import layer_indices
from retort.models.layers import Dropout, student_from_teacher


@pytest.fixture
def teacher() -> BertForSequenceClassification:
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=12,
        num_attention_heads=2,
        intermediate_size=32,
        num_labels=3,
        problem_type="multi_label_classification",
    )
    return BertForSequenceClassification(config).eval()


@pytest.mark.parametrize("choice", ["odd", "even", "first", "last", "spread"])
def test_every_student_layer_holds_the_weights_of_its_teacher_layer(
    teacher: BertForSequenceClassification, choice: str
) -> None:
    indices = layer_indices(choice, 12)
    student = student_from_teacher(teacher, indices)
    assert student.config.num_hidden_layers == len(student.bert.encoder.layer) == 6
    for position, index in enumerate(indices):
        copied = student.bert.encoder.layer[position].state_dict()
        for name, tensor in teacher.bert.encoder.layer[index].state_dict().items():
            assert torch.equal(copied[name], tensor), f"layer {position}: {name}"


def test_embeddings_pooler_and_head_are_copied_as_well(teacher: BertForSequenceClassification) -> None:
    student = student_from_teacher(teacher, (0, 2))
    whole = student.state_dict()
    for name, tensor in teacher.state_dict().items():
        if not name.startswith("bert.encoder."):
            assert torch.equal(whole[name], tensor), name


def test_a_student_of_all_layers_gives_the_teachers_logits(teacher: BertForSequenceClassification) -> None:
    student = student_from_teacher(teacher, range(12)).eval()
    ids = torch.arange(20).reshape(2, 10)
    with torch.no_grad():
        assert torch.equal(student(input_ids=ids).logits, teacher(input_ids=ids).logits)


def test_changing_the_student_leaves_the_teacher_as_it_was(teacher: BertForSequenceClassification) -> None:
    before = copy.deepcopy(teacher.state_dict())
    student = student_from_teacher(teacher, (1, 3))
    pointers = {p.data_ptr() for p in teacher.parameters()}
    assert not pointers & {p.data_ptr() for p in student.parameters()}
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(before[n], t) for n, t in teacher.state_dict().items())
    assert teacher.config.num_hidden_layers == 12


def test_random_layers_are_not_the_teachers_but_the_rest_is(teacher: BertForSequenceClassification) -> None:
    student = student_from_teacher(teacher, (0, 2), random_layers_seed=3)
    assert torch.equal(student.bert.embeddings.word_embeddings.weight, teacher.bert.embeddings.word_embeddings.weight)
    copied, source = student.bert.encoder.layer[0], teacher.bert.encoder.layer[0]
    assert not torch.equal(copied.attention.self.query.weight, source.attention.self.query.weight)
    again = student_from_teacher(teacher, (0, 2), random_layers_seed=3)
    assert all(torch.equal(again.state_dict()[n], t) for n, t in student.state_dict().items())


def test_a_student_may_have_another_dropout_than_its_teacher(teacher: BertForSequenceClassification) -> None:
    assert Dropout.of(student_from_teacher(teacher, (0, 2)).config) == Dropout(0.1, 0.1, None)
    student = student_from_teacher(teacher, (0, 2), dropout=Dropout(0.2, 0.3, 0.4))
    assert Dropout.of(student.config) == Dropout(0.2, 0.3, 0.4)
    assert student.bert.embeddings.dropout.p == 0.2
    assert student.bert.encoder.layer[0].attention.self.dropout.p == 0.3
    assert student.dropout.p == 0.4
    assert Dropout.of(teacher.config) == Dropout(0.1, 0.1, None)
