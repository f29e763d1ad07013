"""A row of opening balances is read, or refused with all its faults."""

import pytest

from bridge.domain.accounts.opening_balances import Opening, read_row

ROW = {"user_id": "42", "email": "ada@example.test", "name": "Ada", "roles": "editor|author", "balance": "1000"}


def test_row_is_read():
    assert read_row(ROW, line=2) == Opening(42, 1000, "ada@example.test", "Ada", ("editor", "author"))


def test_values_missing_in_a_row_are_none():
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
        ("balance", "1.000"),
        ("balance", "1,00,0"),
        ("balance", str(2**53)),
        ("balance", "ten"),
        ("balance", "1e3"),
        ("email", "ada"),
        ("email", "a da@example.test"),
        ("email", "a@" + "b" * 320),
        ("name", "x" * 201),
        ("name", "Ada\nLovelace"),
        ("name", "Ada\x07"),
        ("roles", "Editor|author"),
        ("roles", "editor,author"),
    ],
)
def test_fault_names_its_line_and_column(column, value):
    (fault,) = read_row(ROW | {column: value}, line=7)

    assert fault.field == f"line 7, column {column}"


def test_every_fault_of_a_row_is_reported():
    assert len(read_row({"user_id": "x", "balance": "y", "email": "z"}, line=3)) == 3


def test_largest_balance_is_taken():
    assert read_row(ROW | {"balance": str(2**53 - 1)}, line=2).balance == 2**53 - 1


@pytest.mark.parametrize(
    ("written", "balance"),
    [("1000.00", 1000), ("1,000", 1000), ("1 000", 1000), ("1\u00a0000", 1000), (" 1\u202f000,00 ", 1000), ("0", 0)],
)
def test_balance_is_read_as_spreadsheets_write_it(written, balance):
    assert read_row(ROW | {"balance": written}, line=2).balance == balance


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("O&#039;Neil", "O'Neil"),
        ("Ann\u00a0Lee", "Ann\u00a0Lee"),
        ("👩\u200d💻", "👩\u200d💻"),
    ],
)
def test_name_keeps_its_joiners(written, name):
    assert read_row(ROW | {"name": written}, line=2).name == name


def test_sentence_says_what_is_wrong():
    (fault,) = read_row(ROW | {"balance": "1.000"}, line=2)

    assert fault.message == "is '1.000', which can be read in two ways: write the number without separators"
