"""The checks of words are shown to fail."""

import pytest

from tests.support import wording


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("templates/a.html", "<p>No" + "body is here</p>"),
        ("bridge/services/orders/a.py", '"""Who' + 'ever asks."""'),
        ("bridge/services/orders/a.py", 'LIMIT = 1\n"""Made an' + 'ew."""'),
        ("bridge/services/orders/a.py", "_SOME" + "BODY = 1"),
    ],
)
def test_guard_of_words_finds_one_too_many_and_one_too_few(path, source):
    directory = path.rpartition("/")[0]

    [fault] = wording.allowance_faults({path: source}, {})
    assert f"reword one of {path}:" in fault
    assert wording.allowance_faults({path: source}, {directory: 1}) == []
    [fault] = wording.allowance_faults({path: source}, {directory: 2})
    assert "from 2 to 1" in fault


def test_guard_of_words_lets_pass():
    fine = {"bridge/services/orders/a.py": "# who" + "ever\nNAME = 'no" + "body'", "docs/a.md": "no" + "body"}

    assert wording.allowance_faults(fine, {}) == []
    assert len(wording.allowance_faults(fine, {"bridge/web": 0})) == 1


@pytest.mark.parametrize("source", ["class Tools: ...", "purse_of = 1", "def f(rulebook): ...", "x.find_verdict()"])
def test_guard_of_old_names_finds(source):
    assert len(wording.old_name_faults("bridge/domain/a.py", source)) == 1
    assert len(wording.old_name_faults("tests/a.py", source)) == 1
    assert wording.old_name_faults("migrations/a.py", source) == []


@pytest.mark.parametrize("source", ["def can_hear(): ...", "expected_book = 1", "def test_sweep_ends(): ...", "Rig()"])
@pytest.mark.parametrize("path", ["tests/a.py", "fakeshop/a.py", "bench/a.py", "conftest.py"])
def test_guard_of_old_names_finds_more_beside_the_product(path, source):
    assert len(wording.old_name_faults(path, source)) == 1


@pytest.mark.parametrize("word", ["What", "Whether", "Who", "Somebody"])
def test_guard_of_docstrings_finds_a_question(word):
    source = f'def f():\n    """{word} is paid."""'

    assert len(wording.question_faults("bridge/domain/a.py", source)) == 1
    assert len(wording.question_faults("tests/a.py", source)) == 1
    assert wording.question_faults("migrations/a.py", source) == []
    assert wording.question_faults("tests/a.py", 'def f():\n    """Return who paid."""') == []


@pytest.mark.parametrize("source", ["Column('swept_at')", "row.swept_at", "import posting", "x = {'verdict': 1}"])
def test_guard_of_old_names_lets_pass(source):
    assert wording.old_name_faults("bridge/domain/a.py", source) == []
