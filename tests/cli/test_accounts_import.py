"""Opening balances are read in every spreadsheet's format, or refused with one correct sentence."""

from __future__ import annotations

import codecs
import tracemalloc

import pytest

from bridge.domain.errors import InvalidRequest
from bridge.services.accounts import opening_files
from tests import factories
from tests.support import ledger_sql

TEXT = "user_id,email,name,roles,balance\n42,zoe@example.test,Zoë,editor|author,1000\n43,,,,5\n"
one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def load(app, tmp_path):
    """Import a file of these bytes."""

    def load(content, *more):
        file = tmp_path / "balances.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return app.test_cli_runner().invoke(args=["accounts", "import", "shop", str(file), *more])

    return load


FILES = {
    "utf-8": TEXT.encode(),
    "utf-8 mark": codecs.BOM_UTF8 + TEXT.encode(),
    "utf-16 le": codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
    "utf-16 be": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "utf-16 le unmarked": TEXT.encode("utf-16-le"),
    "utf-16 be unmarked": TEXT.encode("utf-16-be"),
    "utf-32": TEXT.encode("utf-32"),
    "windows-1252": TEXT.encode("cp1252"),
    "semicolons": TEXT.replace(",", ";").encode(),
    "tabs": TEXT.replace(",", "\t").encode(),
    "excel unicode text": codecs.BOM_UTF16_LE + TEXT.replace(",", "\t").replace("\n", "\r\n").encode("utf-16-le"),
    "quoted": b"".join(
        b",".join(b'"' + cell + b'"' for cell in line.split(b",")) + b"\r\n" for line in TEXT.encode().splitlines()
    ),
    "carriage returns": TEXT.replace("\n", "\r\n").encode(),
    "decimals": TEXT.replace("1000", "1000.00").encode(),
    "thousands": TEXT.replace("1000", '"1,000"').encode(),
    "no-break space": TEXT.replace("1000", "1\u00a0000").encode(),
    "trailing lines": (TEXT + "\n\n,,,,\n  \n").encode(),
    "trailing columns": TEXT.replace("\n", ",,\n").encode(),
    "no last line end": TEXT.rstrip("\n").encode(),
    "header in capitals": TEXT.replace("user_id,email", "User ID, EMAIL ").encode(),
    "reordered": "balance,user_id,name,email,roles\n1000,42,Zoë,zoe@example.test,editor|author\n5,43,,,\n".encode(),
}


@one_engine
@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_file_is_read_as_it_was_saved(load, shop, content):
    outcome = load(content)

    assert outcome.exit_code == 0, outcome.output
    assert "2 balances imported, 1005 tokens; 0 of 2 rows were already imported" in outcome.output
    account = shop.client.get("/v1/users/42", headers=shop.headers).json
    assert (account["name"], account["balance"]["balance"]) == ("Zoë", 1000)
    assert factories.balance_of(shop, 43) == 5


REFUSED = {
    "missing column": ("user_id,email\n1,a@b.c\n", "line 1: must be the header", "balance is missing"),
    "unknown column": ("user_id,balance,points\n1,2,3\n", "line 1: ", "column 3 'points' is not known"),
    "renamed column": ("id,balance\n1,2\n", "line 1: ", "user_id is missing; column 1 'id' is not known"),
    "column twice": ("user_id,balance,balance\n1,2,3\n", "line 1: ", "balance appears twice"),
    "empty file": ("", "line 1: ", "it is empty"),
    "duplicate row": ("user_id,balance\n1,5\n2,5\n1,5\n", "line 4, column user_id: ", "which line 2 already has"),
    "too few cells": ("user_id,name,balance\n1,x\n", "line 2: ", "has 2 columns and the header has 3"),
    "unquoted separator": ("user_id,balance\n1,1,000\n", "line 2: ", "has 3 columns and the header has 2"),
    "ambiguous": ("user_id;balance\n1;1.000\n", "line 2, column balance: ", "can be read in two ways"),
    "fraction": ("user_id,balance\n1,1.5\n", "line 2, column balance: ", "not a whole number"),
    "no number": ("user_id,balance\n1,5\n2,many\n", "line 3, column balance: ", "'many', not a number"),
    "no id": ("user_id,balance\nada,5\n", "line 2, column user_id: ", "'ada'"),
    "open quote": ('user_id,name,balance\n1,"Ada,5\n', "line 2: ", "never closed"),
    "NUL byte": (b"user_id,balance\n1,5\n\0,5\n", "line 3: ", "NUL"),
    "NUL in UTF-16": (codecs.BOM_UTF16_LE + "user_id,balance\n1,\0\n".encode("utf-16-le"), "line 2: ", "NUL"),
    "broken UTF-8": ("user_id,name,balance\n1,é,5\n2,ü,5\n3,".encode() + b"\xc3,5\n", "line 4: ", "not UTF-8"),
    "no text": (bytes(range(1, 256)), "line ", "UTF-8"),
    "long line": ("user_id,balance\n1," + "9" * 20_000, "line 2: ", "has more than 10,000 characters"),
}


@one_engine
@pytest.mark.parametrize(("content", "place", "words"), REFUSED.values(), ids=REFUSED)
def test_fault_is_reported_in_one_sentence_and_nothing_is_imported(load, shop, database, content, place, words):
    outcome = load(content)

    assert outcome.exit_code == 1
    assert outcome.stderr.startswith(f"Error: {place}"), outcome.stderr
    assert words in outcome.stderr
    assert outcome.stderr.count("\n") == 1
    assert ledger_sql.count(database, "accounts") == 0


def test_rows_that_were_not_added_are_explained(load, shop):
    load("user_id,balance\n42,1000\n43,7\n")

    again = load("user_id,balance\n42,2000\n43,7\n44,0\n45,1\n")

    assert "1 balances imported, 1 tokens; 2 of 4 rows were already imported" in again.output
    assert "1 of those have a different balance in the file" in again.output
    assert "  line 2: user 42 was already imported with 1,000 tokens; the file now says 2,000" in again.output
    assert "  line 3: user 43 was already imported with 7 tokens\n" in again.output
    assert "  line 4: user 44 has a balance of 0, so there is nothing to add" in again.output
    assert factories.balance_of(shop, 42) == 1000
    assert "The file has no rows after its header.\n" in load("user_id,balance\n").output


@one_engine
def test_dry_run_reports_the_same_and_writes_nothing(load, shop, database):
    load("user_id,balance\n42,1000\n")

    dry = load("user_id,balance\n42,2000\n43,5\n", "--dry-run")

    assert "1 balances would be imported, 5 tokens; 1 of 2 rows were already imported" in dry.output
    assert "line 2: user 42 was already imported" in dry.output
    assert ledger_sql.count(database, "accounts") == 1


@one_engine
def test_balance_above_the_largest_is_reported_with_the_imported_rows(load, shop):
    factories.give(shop, 42, 2**53 - 10)

    outcome = load("user_id,balance\n42,1000\n")

    assert outcome.exit_code == 1
    assert "0 balances before it were imported. Correct the row and import the file again" in outcome.stderr


def test_huge_file_is_read_in_little_memory(tmp_path):
    file = tmp_path / "huge.csv"
    with file.open("w", encoding="utf-16") as out:
        out.write("user_id,balance\n")
        out.writelines(f"{number},{number}\n" for number in range(1, 20_000))
    tracemalloc.start()

    count = sum(1 for _ in opening_files.read_file(file))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 19_999
    assert peak < 3 * 2**20


def test_more_rows_than_are_read_at_once_are_refused():
    lines = ["user_id,balance\n", *(f"{number},1\n" for number in range(1, 6))]

    with pytest.raises(InvalidRequest) as raised:
        list(opening_files.read(lines, most_rows=3))

    assert raised.value.fields[0].field == "line 5"
