"""Recorded deliveries with random faults in their body, correctly signed: each is answered and processed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st

from tests.factories import balance_of, deliver, line, order, put_package
from tests.support import ledger_sql
from tests.support.recordings import recording
from tests.support.seeds import FRESH, examples, resolve
from tests.support.shared_app import ENGINES, open_shared_app


@pytest.fixture(scope="module", params=ENGINES)
def shared(request):
    with open_shared_app(request.param, request, "bad_input_fuzz") as service:
        put_package(service.shop, 10, 1_000)
        yield service


@pytest.fixture
def shop(shared):
    return shared.shop


@pytest.fixture
def database(shared):
    return shared.database


SCALARS = st.sampled_from(
    [
        *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**300, 1.5, 1e308, "", "0", "-5", "1e-999999999", "9" * 400),
        *("a\0b", "\ud800", "completed", "wc-completed", "refunded", "trash", "2026-11-21T09:00:00", "x" * 3_000),
    ]
)
JUNK = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.sampled_from(["id", "total", "key"]), SCALARS)


def paths_of(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values in a document."""
    inner: list[tuple[Any, ...]] = []
    if isinstance(document, dict):
        inner = [found for key, value in document.items() for found in paths_of(value, (*path, key))]
    elif isinstance(document, list):
        inner = [found for place, value in enumerate(document) for found in paths_of(value, (*path, place))]
    return [path, *inner] if path else inner


def spoil(document: Any, path: tuple[Any, ...], junk: Any, *, remove: bool) -> None:
    """Replace the value at a path by junk, or remove it; missing paths are ignored."""
    *parents, last = path
    for step in parents:
        if isinstance(document, dict):
            document = document.get(step)
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return
    if isinstance(document, list) and isinstance(last, int) and last < len(document):
        document[last] = junk
    elif isinstance(document, dict) and remove:
        document.pop(last, None)
    elif isinstance(document, dict):
        document[last] = junk


RECORDED = {
    "order.updated": recording("order.updated--first--refund-partial-qty1of2").document,
    "order.restored": recording("order.restored--restored--trash").document,
    "order.created": recording("order.created--created--item-meta").document,
    "customer.updated": recording("customer.updated--customer-updated-rest").document,
    "product.updated": recording("product.updated--product-variation-tokens-changed").document,
}
RELEVANT = {
    "id",
    "status",
    "customer_id",
    "billing",
    "email",
    "refunds",
    "line_items",
    "meta_data",
    "role",
    "parent_id",
}


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, Any]:
    """Return a recorded document with one to five faulty values, mostly ones that the service reads."""
    topic = draw(st.sampled_from(sorted(RECORDED)))
    document = json.loads(json.dumps(RECORDED[topic]))
    paths = paths_of(document)
    read = [path for path in paths if RELEVANT & set(path) or "date_modified_gmt" in path or "total" in path]
    for _ in range(draw(st.integers(1, 5))):
        path = draw(st.sampled_from(read) | st.sampled_from(paths))
        spoil(document, path, draw(JUNK), remove=draw(st.booleans()))
    return topic, document


@pytest.mark.parametrize("number", [1, FRESH])
def test_spoilt_documents_are_answered_and_settled(shop, database, number):
    """Every signed document is answered 200, and none fails because of an error of the service."""

    @seed(resolve(number))
    @settings(max_examples=examples(30), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(spoilt())
    @example(("order.updated", order(6_000) | {"status": "completed\0"}))
    @example(("order.updated", order(6_001) | {"line_items": [line(1), line(1)]}))
    @example(("order.updated", order(6_002, refunds=["1e-999999999"])))
    @example(("order.updated", order(6_003) | {"date_modified_gmt": "0001-01-01T00:00:00+14:00"}))
    def check(case):
        topic, document = case

        response = deliver(shop, document, topic)

        assert response.status_code == 200, response.text
        delivery = ledger_sql.rows(database, "select * from deliveries order by id desc limit 1")[0]
        assert delivery["state"] in {"processed", "ignored"}, delivery["outcome"]

    check()


def test_spoilt_documents_leave_the_next_order_alone(shop, database):
    deliver(shop, order(7_000, customer=99))

    assert balance_of(shop, 99) == 1_000
    assert ledger_sql.faults(database) == []
