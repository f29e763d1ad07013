"""Bodies of unknown callers are refused cheaply, with few and short errors, and never read in two ways."""

from __future__ import annotations

import io
import json
import time
import tracemalloc

import pytest

from bridge.web.errors import problem_type

MANY = b"{" + b",".join(b'"f%d":1' % number for number in range(150_000)) + b"}"


@pytest.fixture
def engine():
    """One engine is enough: nothing here uses a table."""
    return "sqlite"


@pytest.mark.parametrize(
    "body",
    [
        MANY,
        b'{"code":' + b"[" + b"1," * 700_000 + b"1]}",
        b'{"code":"' + b"x" * 1_600_000 + b'"}',
        b'{"' + b"x" * 1_600_000 + b'":1}',
        b'{"code":"' + b'\\"' * 800_000 + b'"}',
        b'{"code":"' + b'\\"' * 800_000,
        b'"' * 1_600_000,
        b"\\" * 1_600_000,
        b"{" + b'"":0,' * 300_000 + b'"":0}',
        b"{}" * 800_000,
        b"[" * 1_600_000,
        b"9" * 1_600_000,
        b'{"code":' + b"9" * 1_600_000 + b"}",
    ],
    ids=[
        *("many fields", "long list", "long text", "long name", "escaped quotes", "unended", "quotes"),
        *("backslashes", "empty names", "objects", "brackets", "digits", "digits in a field"),
    ],
)
def test_large_body_is_refused_with_little_memory_and_time(app, body):
    client = app.test_client()
    client.post("/v1/link", data=b"{}")
    started = time.process_time()
    tracemalloc.start()

    answer = client.post("/v1/link", data=body)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code in {400, 422}
    assert len(answer.data) < 10_000
    assert len(answer.get_json().get("errors", [])) <= 20
    assert peak < 16 * 1024 * 1024
    assert time.process_time() - started < 2


def test_96_bodies_of_fields_leave_no_memory_behind(app):
    client = app.test_client()
    for _ in range(4):
        client.post("/v1/link", data=MANY)
    before = resident()

    for _ in range(96):
        assert client.post("/v1/link", data=MANY).status_code == 422

    assert resident() <= before * 1.3


def resident() -> int:
    """Return the memory of this process in KiB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_answer_names_at_most_20_short_errors(app):
    body = {f"field{number}" + "x" * 150: 1 for number in range(100)}

    answer = app.test_client().post("/v1/link", json=body)

    errors = answer.get_json()["errors"]
    assert answer.status_code == 422
    assert len(errors) <= 20
    assert all(len(error["field"]) <= 200 and len(error["message"]) <= 500 for error in errors)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"code":"a","code":"b"}', 422),
        (b'{"code":NaN}', 422),
        (b'{"code":Infinity}', 422),
        (b'{"code":-Infinity,"url":1e999}', 422),
        (b'{"code":' + b"1" * 5000 + b"}", 400),
        (b'{"code":"\\ud800"}', 400),
        (b'{"\\udfff":1}', 400),
        (b'{"code":"\xed\xa0\x80"}', 400),
        (b'{"code":' + b'{"a":' * 200 + b"1" + b"}" * 201, 400),
        (b'\xef\xbb\xbf{"code":"a"}', 400),
        (b'{"code":"a"} x', 400),
        (b"", 400),
        (b" ", 400),
        (b"null", 400),
        (b"[]", 400),
        (b'{"code":"\\u0000","url":"x","name":"x"}', 422),
    ],
)
def test_ambiguous_body_is_a_fault_of_the_caller(app, body, status):
    answer = app.test_client().post("/v1/link", data=body)

    assert (answer.status_code, answer.content_type) == (status, "application/problem+json"), answer.text
    json.loads(answer.data)


def test_batch_of_a_thousand_with_every_field_is_read(shop):
    user = {"id": 2, "email": "ada@example.test", "name": 'Ada, of "London"', "roles": ["a", "b", "c", "d"]}
    spends = [
        {"key": str(n), "user": user, "module": "chat", "tokens": 1, "source": "a,b", "reference": "[{,}]"}
        for n in range(1000)
    ]

    answer = shop.client.post("/v1/spends/batch", json={"spends": spends}, headers=shop.headers)

    assert {result["code"] for result in answer.get_json()["results"]} == {"insufficient_tokens"}


def test_batch_item_with_many_unknown_fields_is_refused_alone(shop):
    good = {"key": "a", "user": {"id": 2}, "module": "chat", "tokens": 1}
    bad = good | {f"field{number}": 1 for number in range(250)}

    results = shop.client.post("/v1/spends/batch", json={"spends": [good, bad]}, headers=shop.headers).get_json()

    assert [result["status"] for result in results["results"]] == [402, 422]
    assert len(results["results"][1]["errors"]) == 20


@pytest.mark.parametrize("framing", ["none", "empty", "chunked"])
@pytest.mark.parametrize("path", ["/v1/limits/reset", "/v1/users/2/limits/reset"])
def test_reset_without_a_body_resets_nothing(shop, path, framing):
    options = {
        "none": {},
        "empty": {"data": b"", "content_length": 0},
        "chunked": {"environ_overrides": {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}},
    }[framing]

    answer = shop.client.post(path, headers=shop.headers, **options)

    assert answer.status_code == 422
    assert '"all": true' in answer.get_json()["detail"]


def test_reset_sent_in_chunks_resets_the_module_it_names(shop):
    limit = {"period": "daily", "rules": {"user": 10}}
    for module in ("chat", "ai_forms"):
        shop.client.put(f"/v1/limits/{module}", json=limit, headers=shop.headers)
        spent = {"user": {"id": 2}, "module": module, "tokens": 4}
        shop.client.post("/v1/spends", json=spent, headers=shop.headers | {"Idempotency-Key": module})

    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = shop.client.post(
        "/v1/limits/reset",
        input_stream=io.BytesIO(b'{"module": "chat"}'),
        headers=shop.headers,
        environ_overrides=chunked,
    )

    assert answer.get_json()["module"] == "chat"
    limits = shop.client.get("/v1/users/2", headers=shop.headers).get_json()["limits"]
    assert {limit["module"]: limit["used"] for limit in limits} == {"chat": 0, "ai_forms": 4}


def test_reset_of_all_is_said_in_so_many_words(shop):
    shop.client.put("/v1/users/2", json={}, headers=shop.headers)
    for path in ("/v1/limits/reset", "/v1/users/2/limits/reset"):
        assert shop.client.post(path, json={"all": True}, headers=shop.headers).status_code == 200
        for other in (1, 1.0, "true", [True], {"all": True}, 0, ""):
            refused = shop.client.post(path, json={"all": other}, headers=shop.headers)
            assert (refused.status_code, refused.get_json()["errors"][0]["field"]) == (422, "all")


def test_form_and_query_of_very_many_fields_are_refused_with_little_memory(app):
    client = app.test_client()
    client.get("/admin")
    form = b"a=&" * 80_000
    tracemalloc.start()

    posted = client.post("/admin/sign-in", data=form, content_type="application/x-www-form-urlencoded")

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert posted.status_code == 413
    assert peak < 4 * 1024 * 1024
    for path in ("/admin", "/v1/docs", "/v1/users", "/v1/widget"):
        assert client.get(f"{path}?{'a=1&' * 300}").status_code == 422, path


def test_type_of_a_problem_is_named_outside_of_a_request_as_well():
    assert problem_type("body_too_large") == "/v1/docs#body_too_large"


def test_every_operation_answers_a_body_as_described_also_where_it_reads_none(shop):
    """The client compares each response with the OpenAPI document."""
    bodies = [
        {"data": b"x" * (1 << 20), "content_type": "application/json"},
        {"data": b"--x--", "content_type": "multipart/form-data; boundary=x"},
        {"data": b"{}", "content_type": "application/json", "headers": {"Content-Encoding": "gzip"}},
    ]
    statuses = set()
    for rule in shop.client.application.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"} if rule.rule.startswith("/v1/") else ():
            path = rule.rule
            for name in rule.arguments:
                path = path.replace(f"<{name}>", "1").replace(f"<int:{name}>", "1")
            for body in bodies:
                sent = body | {"headers": shop.headers | {"Idempotency-Key": "a"} | body.get("headers", {})}
                answer = shop.client.open(path, method=method, **sent)
                assert answer.status_code < 500, (method, path)
                statuses.add(answer.status_code)

    assert {413, 415} <= statuses
