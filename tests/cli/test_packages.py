"""`flask packages`: the products of a store, an amount set, cleared, and imported."""

from __future__ import annotations

import json

import pytest

from tests import factories

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def run(app, shop):
    """Run a command of the group on the store and return exit status and output."""

    def run(command, *args):
        outcome = app.test_cli_runner().invoke(args=["packages", command, "shop", *args])
        return outcome.exit_code, outcome.output

    return run


def unreadable(shop):
    meta = [{"key": "_is_token_package", "value": "yes"}, {"key": "_tokens_granted", "value": "5.000"}]
    factories.deliver(shop, factories.product(10, None) | {"meta_data": meta}, "product.updated")


def test_products_are_listed_with_what_is_unclear(run, shop):
    assert "flask packages import shop\nOr set" in run("list")[1]
    unreadable(shop)
    factories.deliver(shop, factories.product(11, None), "product.updated")
    factories.put_package(shop, 12, 70, variation=3)

    status, text = run("list")
    listed = json.loads(run("list", "--json")[1])

    assert status == 0
    lines = text.splitlines()
    assert lines[0].split()[0] == "10"
    assert "not readable" in lines[0]
    assert "_tokens_granted is 5.000, which can be read in two ways" in lines[0]
    assert "not a package" in lines[1]
    assert lines[2].split()[:3] == ["12/3", "70", "tokens"]
    assert [(one["product"], one["variation"], one["tokens"], one["state"]) for one in listed] == [
        (10, None, None, "unreadable"),
        (11, None, 0, "no_package"),
        (12, 3, 70, "package"),
    ]
    assert listed[0]["unreadable"]["value"] == "5.000"


def test_amount_is_set_and_cleared(run, shop):
    unreadable(shop)

    assert run("set", "10", "5,000")[0] == 0
    assert package(shop, "10")["tokens"] == 5000
    assert run("set", "10/4", "7")[0] == 0
    assert package(shop, "10/4")["tokens"] == 7
    assert run("clear", "10")[0] == 0
    assert package(shop, "10")["tokens"] is None
    status, text = run("clear", "99")
    assert (status, text.startswith("Error: ")) == (1, True)


@pytest.mark.parametrize(
    "args", [("x", "5"), ("10/", "5"), ("10/0", "5"), ("0", "5"), ("10", "5.000"), ("10", ""), ("10", "5k")]
)
def test_bad_ids_and_amounts_are_refused(run, args):
    status, text = run("set", *args)

    assert (status, text.startswith("Error: ")) == (1, True)


def package(shop, key):
    return shop.client.get(f"/v1/packages/{key}", headers=shop.headers).json
