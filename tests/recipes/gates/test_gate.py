import pytest

from retort.errors import ConfigError
from retort.recipes.gates.gate import Gate, read_gates


def write(tmp_path, text):
    path = tmp_path / "gates.toml"
    path.write_text(text, "utf-8")
    return path


def test_gates_are_read_in_their_order(tmp_path):
    path = write(
        tmp_path,
        '[[gate]]\nfigure = "bias.final"\nmodel = "odd"\nat_least = 0.95\n'
        '[[gate]]\nfigure = "cost.size_bytes"\nrelative_to = "teacher"\ncompare_by = "ratio"\nat_most = 0.6\n',
    )
    assert [(gate.figure, gate.bound) for gate in read_gates(path)] == [
        ("bias.final", "at least 0.95"),
        ("cost.size_bytes", "at most 0.6 × teacher"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no gate in it"),
        ("[[gate]]\nfigure = 1\nat_least = 0.5\n", "figure"),
        ('[[gate]]\nfigure = "f1"\n', "give either at_least or at_most"),
        ('[[gate]]\nfigure = "f1"\nat_least = 0.1\nat_most = 0.9\n', "give either at_least or at_most"),
        ('[[gate]]\nfigure = "f1"\nat_leest = 0.1\n', "did you mean 'at_least'"),
        ('[[gate]]\nfigure = "f1"\nat_most = 2\ncompare_by = "ratio"\n', "needs relative_to"),
        ("[[gate]\n", "not valid TOML"),
    ],
)
def test_an_invalid_file_is_refused_with_what_to_write(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read_gates(write(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_gates(tmp_path / "none.toml")


def test_a_bound_holds_at_the_limit_itself():
    least, most = Gate(figure="f1", at_least=0.5), Gate(figure="f1", at_most=0.5)
    assert [least.holds(x) for x in (0.49, 0.5, 0.51)] == [False, True, True]
    assert [most.holds(x) for x in (0.49, 0.5, 0.51)] == [True, True, False]


def test_a_difference_that_rounding_moves_beyond_its_bound_holds():
    assert Gate(figure="f1", relative_to="teacher", at_least=-0.01).holds(0.79 - 0.80)


def test_a_bound_of_zero_is_a_bound():
    assert Gate(figure="f1", at_most=0.0, relative_to="teacher").bound == "at most teacher +0"
