"""Account holders: emails, roles and available tokens."""

from __future__ import annotations

import pytest

from bridge.domain.accounts.accounts import Balance, merge_roles, normalize_email


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        ("", None),
        ("  \t", None),
        (" Ada@Example.TEST ", "ada@example.test"),
        ("STRASSE@x.de", "strasse@x.de"),
        ("straße@x.de", "strasse@x.de"),
        # The letter with a dot is two once its case is folded, and the column holds 320.
        ("İ" * 320, ("i̇" * 320)[:320]),
    ],
)
def test_two_spellings_of_an_address_share_a_form_that_fits_its_column(given, expected):
    assert normalize_email(given) == expected


@pytest.mark.parametrize(
    ("known", "reported", "expected"),
    [
        ((), "customer", ("customer",)),
        (("customer", "editor"), "customer", ("customer", "editor")),
        (("customer", "editor"), "editor", ("customer", "editor")),
        (("customer", "editor"), "subscriber", ("subscriber",)),
        (("customer",), "", ("customer",)),
    ],
)
def test_the_shop_names_only_the_first_of_several_roles(known, reported, expected):
    assert merge_roles(known=known, reported=reported) == expected


def test_available_is_never_below_zero():
    assert Balance(balance=10, held=4, debt=0).available == 6
    assert Balance(balance=10, held=11, debt=0).available == 0
