"""A row of opening balances is read, or refused with every fault in it."""

import pytest

from bridge.domain.opening import Opening, read_row

ROW = {"user_id": "42", "email": "ada@example.test", "name": "Ada", "roles": "editor|author", "balance": "1000"}


def test_row_is_read():
    assert read_row(ROW, line=2) == Opening(42, 1000, "ada@example.test", "Ada", ("editor", "author"))


def test_what_a_row_does_not_say_is_none():
    assert read_row({"user_id": " 42 ", "balance": "0"}, line=2) == Opening(42, 0, None, None, None)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("user_id", ""),
        ("user_id", "0"),
        ("user_id", "-1"),
        ("user_id", "abc"),
        ("balance", ""),
        ("balance", "-5"),
        ("balance", "1.5"),
        ("balance", "1,000"),
        ("balance", str(2**53)),
        ("balance", "９"),
        ("email", "ada"),
        ("email", "a da@example.test"),
        ("email", "a@" + "b" * 320),
        ("name", "x" * 201),
        ("name", "Ada\nLovelace"),
        ("roles", "Editor|author"),
        ("roles", "editor,author"),
    ],
)
def test_fault_names_its_line_and_column(column, value):
    (fault,) = read_row(ROW | {column: value}, line=7)

    assert fault.field == f"line 7, column {column}"


def test_every_fault_of_a_row_is_told():
    assert len(read_row({"user_id": "x", "balance": "y", "email": "z"}, line=3)) == 3


def test_largest_balance_is_taken():
    assert read_row(ROW | {"balance": str(2**53 - 1)}, line=2).balance == 2**53 - 1
