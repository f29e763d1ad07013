"""Detection of packages: the flag and the amount, under three pairs of keys, as owners and plugins store them."""

from __future__ import annotations

import pytest

from bridge.clients.woocommerce.documents import read_product
from bridge.clients.woocommerce.package_meta import stamped_amount
from bridge.domain.accounts.amounts import Reason
from bridge.domain.orders.packages import Amount

PAIRS = [
    ("_is_token_package", "_tokens_granted"),
    ("is_token_package", "tokens_granted"),
    ("_aipkit_is_token_package", "_aipkit_tokens_amount"),
]


def product(meta, **more):
    entries = [{"id": place, "key": key, "value": value} for place, (key, value) in enumerate(meta)]
    return read_product({"id": 10, "name": "Pack", "type": "simple", "sku": "", "meta_data": entries, **more})


def variation(meta):
    return product(meta, type="variation", parent_id=9)


def fault(read):
    return read.tokens, read.unreadable and (read.unreadable.key, read.unreadable.value, read.unreadable.reason)


@pytest.mark.parametrize(("flag", "amount"), PAIRS)
@pytest.mark.parametrize(
    "yes", ["yes", "Yes", " YES ", "1", 1, 1.0, True, "true", "on", ["yes"], {"0": "yes"}], ids=repr
)
def test_flag_is_read_as_shops_store_it(flag, amount, yes):
    assert product([(flag, yes), (amount, "5,000")]).tokens == 5000


@pytest.mark.parametrize(("flag", "amount"), PAIRS)
@pytest.mark.parametrize("no", ["no", "No", "", "0", 0, False, None, "off", [], ["no"]], ids=repr)
def test_unmarked_product_is_no_package_whatever_its_amount(flag, amount, no):
    assert fault(product([(flag, no), (amount, "5.000")])) == (0, None)


@pytest.mark.parametrize(("flag", "amount"), PAIRS)
@pytest.mark.parametrize(
    ("value", "shown", "reason"),
    [
        ("5.000", "5.000", Reason.AMBIGUOUS),
        ("0", "0", Reason.ZERO),
        (0, "0", Reason.ZERO),
        ("-5", "-5", Reason.NEGATIVE),
        ("", "", Reason.MISSING),
        (None, "", Reason.MISSING),
        ([1, 2], "[1, 2]", Reason.NO_NUMBER),
        ("many", "many", Reason.NO_NUMBER),
    ],
    ids=repr,
)
def test_marked_product_without_a_clear_amount_is_unreadable(flag, amount, value, shown, reason):
    assert fault(product([(flag, "yes"), (amount, value)])) == (None, (amount, shown, reason))


@pytest.mark.parametrize(("flag", "amount"), PAIRS)
def test_marked_product_without_the_amount_is_unreadable(flag, amount):
    assert fault(product([(flag, "yes")])) == (None, (amount, "", Reason.MISSING))


def test_flag_that_is_neither_yes_nor_no_is_unreadable():
    assert fault(product([("is_token_package", "sí"), ("tokens_granted", "5000")])) == (
        None,
        ("is_token_package", "sí", Reason.FLAG),
    )


def test_typed_amount_without_its_flag_is_not_ignored():
    read = product([("tokens_granted", "5000")])

    assert read.tokens is None
    assert (read.unreadable.key, read.unreadable.reason) == ("is_token_package", Reason.UNMARKED)
    assert product([("tokens_granted", "")]).tokens == 0
    assert product([("_tokens_granted", "5000")]).tokens == 0


def test_first_pair_that_says_yes_counts():
    ours, public, other = PAIRS

    assert product([(other[0], "yes"), (other[1], 3), (public[0], "yes"), (public[1], 2)]).tokens == 2
    assert product([(public[0], "yes"), (public[1], 2), (ours[0], "yes"), (ours[1], 1)]).tokens == 1
    assert product([(ours[0], "no"), (ours[1], 1), (other[0], "yes"), (other[1], 3)]).tokens == 3
    assert product([(ours[0], "yes"), (other[0], "yes"), (other[1], 3)]).tokens == 3
    assert product([(ours[0], "yes"), (ours[1], "5.000"), (other[0], "yes"), (other[1], 3)]).tokens is None


def test_meta_as_an_object_with_numeric_keys_is_a_list():
    entries = {"0": {"key": "is_token_package", "value": "yes"}, "3": {"key": "tokens_granted", "value": "5000"}}

    assert read_product({"id": 10, "type": "simple", "meta_data": entries}).tokens == 5000


@pytest.mark.parametrize("missing", [{}, {"meta_data": None}, {"meta_data": "x"}])
def test_document_without_meta_says_nothing(missing):
    read = read_product({"id": 10, "type": "simple", **missing})

    assert (read.tokens, read.unreadable, read.is_partial) == (None, None, True)


def test_variation_has_its_own_amount_or_its_products():
    assert variation([]).tokens is None
    assert variation([("_tokens_granted", "5,000")]).tokens == 5000
    assert variation([("tokens_granted", "5,000")]).tokens == 5000
    assert variation([("_tokens_granted", "5000"), ("_is_token_package", "no")]).tokens is None
    assert variation([("_aipkit_tokens_amount", "9999")]).tokens is None
    assert fault(variation([("_tokens_granted", "5.000")]))[1][2] is Reason.AMBIGUOUS
    assert fault(variation([("_tokens_granted", "0")]))[1][2] is Reason.ZERO


def test_marked_product_may_leave_the_amounts_to_its_variations():
    read = product([("_is_token_package", "yes")], type="variable")

    assert (read.tokens, read.unreadable, read.is_per_variation) == (None, None, True)
    assert product([("_is_token_package", "yes"), ("_tokens_granted", "x")], type="variable").unreadable is not None
    assert product([("_is_token_package", "yes"), ("_tokens_granted", "5")], type="variable").tokens == 5


def test_stamp_is_read_alike():
    def stamp(*values):
        return stamped_amount([{"key": "_tokens_granted", "value": value} for value in values])

    assert (stamp(), stamp(""), stamp("5", "7"), stamp("5", "")) == (None, None, Amount(7), Amount(5))
    assert stamp("5,000") == stamp(["5000"]) == Amount(5000)
    assert stamped_amount({"4": {"key": "_tokens_granted", "value": "5000"}}) == Amount(5000)
    assert stamp("5.000").reason is Reason.AMBIGUOUS
