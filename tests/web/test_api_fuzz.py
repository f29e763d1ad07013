"""Schemathesis against the whole API: with a fresh seed, which is printed, and with one that meets a redirect."""

from __future__ import annotations

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
from tests.support.seeds import resolve
from tests.support.shared_app import open_shared_app

REDIRECTED = 2833928374
"""A seed that generates PUT /v1/packages/8203/0, which is redirected to the product's own address."""
EXAMPLES = 150
_EACH_ALONE = {"/v1/spends/batch", "/v1/adjustments/bulk", "/v1/users/bulk", "/v1/packages/bulk"}


@pytest.fixture(scope="module")
def shared(request):
    with open_shared_app("sqlite", request, "api_fuzz") as service:
        put_user(service.shop, 42)
        give(service.shop, 42, 1_000_000)
        yield service


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
    body = case.meta.components.get(ParameterLocation.BODY)
    is_bad_body = body is not None and body.mode is schemathesis.GenerationMode.NEGATIVE
    is_refused_as_a_whole = is_bad_body and case.operation.path not in _EACH_ALONE
    return [positive_data_acceptance, *([] if is_refused_as_a_whole else [negative_data_rejection])]


@pytest.mark.parametrize(
    ("mode", "number"),
    [("positive", None), ("negative", None), ("negative", REDIRECTED)],
    ids=["positive", "negative", "redirected"],
)
def test_every_operation_answers_as_described(shared, mode, number):
    schema = schemathesis.openapi.from_wsgi("/v1/openapi.json", shared.app, config=SchemathesisConfig())
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
    @given(st.one_of(made))
    def answers(case):
        case.body = _whole(case.body)
        headers = another_key(shared) if case.operation.path == "/v1/connection" else shared.shop.headers
        response = case.call(headers=headers)
        # A redirect reached no operation: nothing was accepted.
        skipped = [*_without_meaning(case), *([negative_data_rejection] if response.status_code == 308 else [])]
        case.validate_response(
            response, headers=headers, excluded_checks=skipped, transport_kwargs={"headers": dict(headers)}
        )

    answers()
