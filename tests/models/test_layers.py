"""Which teacher layers a student starts from, and that their very weights arrive in it."""

import copy

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from retort.errors import ConfigError
from retort.models.layers import hidden_state_targets, layer_indices, student_from_teacher


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


def test_odd_student_starts_from_teacher_layers_0_2_4() -> None:
    assert layer_indices("odd", 12) == (0, 2, 4, 6, 8, 10)
    assert layer_indices("odd", 6) == (0, 2, 4)


def test_even_student_starts_from_teacher_layers_1_3_5() -> None:
    assert layer_indices("even", 12) == (1, 3, 5, 7, 9, 11)
    assert layer_indices("even", 6) == (1, 3, 5)


def test_spread_of_twelve_is_what_distilbert_kept() -> None:
    assert layer_indices("spread", 12) == (0, 2, 4, 7, 9, 11)


def test_first_last_and_all_are_what_they_say() -> None:
    assert layer_indices("first", 6) == (0, 1, 2)
    assert layer_indices("last", 6) == (3, 4, 5)
    assert layer_indices("all", 3) == (0, 1, 2)


def test_any_list_is_taken_as_it_is() -> None:
    assert layer_indices((5, 0), 6) == (5, 0)


@pytest.mark.parametrize("choice", [(6,), (-1, 2), (0, 0), ()])
def test_a_list_that_the_teacher_cannot_fill_is_refused(choice: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError):
        layer_indices(choice, 6)


@pytest.mark.parametrize("choice", ["odd", "even"])
def test_odd_and_even_of_a_teacher_with_an_odd_number_of_layers_are_refused(choice: str) -> None:
    with pytest.raises(ConfigError, match="7 layers"):
        layer_indices(choice, 7)


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


def test_a_student_of_all_layers_says_what_the_teacher_says(teacher: BertForSequenceClassification) -> None:
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


def test_source_match_compares_with_the_output_of_the_layer_copied() -> None:
    # Entry 0 of hidden_states is the embeddings' output.
    assert hidden_state_targets((0, 2, 4), 6, "source") == (1, 3, 5)
    assert hidden_state_targets((1, 3, 5), 6, "source") == (2, 4, 6)


def test_block_match_compares_with_the_last_layer_of_the_block_replaced() -> None:
    assert hidden_state_targets((0, 2, 4), 6, "block") == (2, 4, 6)
    assert hidden_state_targets((1, 3, 5), 6, "block") == (2, 4, 6)
    assert hidden_state_targets((0, 2, 4, 7, 9, 11), 12, "block") == (2, 4, 6, 8, 10, 12)


def test_hidden_state_of_entry_i_plus_1_is_the_output_of_layer_i(teacher: BertForSequenceClassification) -> None:
    seen = []
    hook = teacher.bert.encoder.layer[4].register_forward_hook(lambda _m, _i, out: seen.append(out))
    with torch.no_grad():
        states = teacher(input_ids=torch.arange(8).reshape(1, 8), output_hidden_states=True).hidden_states
    hook.remove()
    output = seen[0] if isinstance(seen[0], torch.Tensor) else seen[0][0]
    assert torch.equal(states[hidden_state_targets((4,), 12, "source")[0]], output)
