"""A topic and a body become one typed event."""

from __future__ import annotations

import pytest

from bridge.clients.woocommerce.webhook_events import Kind, parse_body, read_event
from bridge.domain.errors import MalformedBody
from tests import factories

ORDER = factories.order(45, customer=2)
REFUSAL = {"code": "woocommerce_rest_cannot_view", "message": ""}


@pytest.mark.parametrize(
    ("topic", "document", "kind", "number", "said"),
    [
        ("order.updated", ORDER, Kind.ORDER, 45, {"order"}),
        ("", ORDER | {"order_key": "wc_order_a1"}, Kind.ORDER, 45, {"order"}),
        ("subscription.updated", ORDER | {"order_key": "wc_order_a1"}, Kind.OTHER, 45, set()),
        ("order.deleted", {"id": 45}, Kind.ORDER, 45, {"is_bare"}),
        ("order.updated", {"id": 45, "status": "completed"}, Kind.ORDER, 45, {"fault"}),
        ("order.updated", {"order": {"id": 45}}, Kind.ORDER, 45, {"fault"}),
        ("action.woocommerce_x", {"action": "woocommerce_order_x", "arg": 45}, Kind.ACTION, 45, set()),
        ("action.other", {"action": "other", "arg": 45}, Kind.ACTION, None, set()),
        ("product.updated", {"id": 10, "name": "Pack"}, Kind.PRODUCT, 10, {"product"}),
        ("product.updated", {"id": 0}, Kind.PRODUCT, 0, {"is_bare", "invalid"}),
        ("product.updated", {"name": "Pack"}, Kind.PRODUCT, None, set()),
        ("product.deleted", {"id": 10}, Kind.PRODUCT, 10, {"is_bare"}),
        ("customer.deleted", {"id": 7}, Kind.CUSTOMER, 7, {"customer", "is_bare"}),
        ("coupon.created", {"id": 7, "code": "SALE"}, Kind.OTHER, 7, set()),
        (
            "order.updated",
            {"code": "woocommerce_rest_cannot_view", "message": ""},
            Kind.ERROR,
            None,
            {"error", "is_refusal"},
        ),
        ("order.updated", {"code": "rest_no_route", "message": ""}, Kind.ERROR, None, {"error"}),
    ],
)
def test_event_of_a_topic_and_a_body(topic, document, kind, number, said):
    event = read_event(topic, document)

    assert (event.kind, event.number) == (kind, number)
    fields = ("order", "product", "customer", "is_bare", "fault", "invalid", "error", "is_refusal")
    assert {name for name in fields if getattr(event, name)} == said


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b"\xff", b"[" * 100_000])
def test_body_that_is_no_object_is_malformed(body):
    with pytest.raises(MalformedBody):
        parse_body(body)


@pytest.mark.parametrize("status", [[], {}, 3, True])
def test_product_whose_status_is_no_text_is_not_for_sale(status):
    event = read_event("product.updated", {"id": 10, "name": "Tokens", "status": status, "purchasable": True})

    assert event.product is not None
    assert event.product.is_for_sale is False
