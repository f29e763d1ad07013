"""Schemathesis against the whole API: both kinds of requests on both engines, by a fixed seed on one of them."""

from __future__ import annotations

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from bridge.services.stores import access_keys
from bridge.web.context import utcnow
from tests.factories import give, put_user
from tests.support.linked_sites import bearer, link
from tests.support.seeds import FRESH, resolve
from tests.support.shared_app import ENGINES, open_shared_app

FIXED = 2833928374
EXAMPLES = int(os.environ.get("BRIDGE_API_EXAMPLES", "60"))
"""Requests of one run. Each is sent with the store's key, or every third with a linked site's."""
_EACH_ALONE = {"/v1/spends/batch", "/v1/adjustments/bulk", "/v1/users/bulk", "/v1/packages/bulk"}


@pytest.fixture(scope="module", params=ENGINES)
def shared(request):
    with open_shared_app(request.param, request, "api_fuzz") as service:
        put_user(service.shop, 42)
        give(service.shop, 42, 1_000_000)
        yield service


@pytest.fixture(scope="module")
def keys(shared):
    """Return the headers with the store's key, and with that of a site linked to user 42."""
    return {"store": shared.shop.headers, "site": bearer(link(shared.shop, 42)["access_key"])}


@pytest.fixture
def schema(shared):
    return schemathesis.openapi.from_wsgi("/v1/openapi.json", shared.app, config=SchemathesisConfig())


def another_key(shared):
    """Return the headers with a new key, for an operation that ends the key of its request."""
    with shared.database.transaction() as connection:
        store = shared.shop.connected.store
        return {"Authorization": f"Bearer {access_keys.make(connection, store, actor='test', now=utcnow())}"}


def _whole(value):
    """Return the value with 5.0 as 5: JSON Schema has one kind of number for both, and the API refuses the first."""
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _without_meaning(case):
    """Return the checks that do not apply to this request.

    A valid form can still name a cursor, a time zone or a part that does not
    exist. Query parameters that no operation reads are ignored. A batch refuses
    its bad items, each on its own.
    """
    body = case.meta and case.meta.components.get(ParameterLocation.BODY)
    is_bad_body = body is not None and body.mode is schemathesis.GenerationMode.NEGATIVE
    is_refused_as_a_whole = is_bad_body and case.operation.path not in _EACH_ALONE
    return [positive_data_acceptance, *([] if is_refused_as_a_whole else [negative_data_rejection])]


def _send(case, headers):
    """Send a request, and check its response by everything that the document says of it."""
    response = case.call(headers=headers)
    # A redirect reached no operation: nothing was accepted.
    skipped = [*_without_meaning(case), *([negative_data_rejection] if response.status_code == 308 else [])]
    case.validate_response(
        response, headers=headers, excluded_checks=skipped, transport_kwargs={"headers": dict(headers)}
    )
    return response


@pytest.mark.parametrize(
    ("shared", "mode", "number"),
    [
        pytest.param("sqlite", "positive", FIXED, id="sqlite-positive-fixed"),
        pytest.param("sqlite", "negative", *FRESH.values, id="sqlite-negative-fresh"),
        pytest.param("postgresql", "positive", *FRESH.values, id="postgresql-positive-fresh"),
        pytest.param("postgresql", "negative", FIXED, id="postgresql-negative-fixed"),
    ],
    indirect=["shared"],
)
def test_every_operation_answers_as_described(shared, schema, keys, mode, number):
    found = [result.ok() for result in schema.get_all_operations()]
    wanted = schemathesis.GenerationMode(mode)
    made = [operation.as_strategy(generation_mode=wanted) for operation in found if operation.path != "/v1/docs"]

    @seed(resolve(number))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(made), st.sampled_from(["store", "store", "site"]))
    def answers(case, key):
        case.body = _whole(case.body)
        ends_key = key == "store" and case.operation.path == "/v1/connection"
        _send(case, another_key(shared) if ends_key else keys[key])

    answers()


@pytest.mark.parametrize("shared", ["sqlite"], indirect=True)
def test_redirect_is_as_described(schema, keys):
    """Variation 0 is the product itself, which has an address of its own."""
    put = schema["/v1/packages/{product}/{variation}"]["PUT"]
    case = put.Case(
        path_parameters={"product": 8203, "variation": 0}, body={"tokens": 5}, media_type="application/json"
    )

    assert _send(case, keys["store"]).status_code == 308
