"""A Python client generated from the document spends, holds and reads a refusal with typed results."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import threading

import pytest
from werkzeug.serving import make_server

from tests.factories import give, put_user

PACKAGE = "generated_bridge_client"


@pytest.fixture
def engine():
    """One engine is enough: the client sees only HTTP."""
    return "sqlite"


@pytest.fixture
def generated(app, tmp_path, monkeypatch):
    """Return the import of a part of the generated client."""
    (tmp_path / "openapi.json").write_text(json.dumps(app.test_client().get("/v1/openapi.json").json))
    (tmp_path / "config.yml").write_text("post_hooks: []\n")
    command = [sys.executable, "-W", "ignore", "-m", "openapi_python_client", "generate"]
    options = ["--path", "openapi.json", "--meta", "none", "--output-path", PACKAGE, "--config", "config.yml"]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout, done.stdout
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda name: importlib.import_module(f"{PACKAGE}.{name}")
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def address(app):
    """Return the address of the service."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_generated_client_spends_holds_and_reads_a_refusal(generated, shop, address):
    put_user(shop, 42)
    give(shop, 42, 1000)
    models, spends, holds = generated("models"), generated("api.spends.spend"), generated("api.holds.hold")
    capture = generated("api.holds.capture")
    client = generated("client").AuthenticatedClient(base_url=address, token=shop.connected.access_key)

    def wanted(model, tokens):
        return model(user=models.UserIn(id=42), module="chat", tokens=tokens)

    with client:
        spent = spends.sync(client=client, body=wanted(models.SpendIn, 120), idempotency_key="one")
        replay = spends.sync_detailed(client=client, body=wanted(models.SpendIn, 120), idempotency_key="one")
        held = holds.sync(client=client, body=wanted(models.HoldIn, 300), idempotency_key="two")
        captured = capture.sync(held.id, client=client, body=models.CaptureIn(tokens=80), idempotency_key="three")
        refused = spends.sync(client=client, body=wanted(models.SpendIn, 5000), idempotency_key="four")

    assert isinstance(spent, models.SpendOut)
    assert (spent.tokens, spent.paid_by.balance, spent.balance.available) == (120, 120, 880)
    assert spent.created_at.tzinfo is not None
    assert replay.headers["Idempotent-Replayed"] == "true"
    assert replay.parsed.id == spent.id
    assert isinstance(held, models.HoldOut)
    assert (held.tokens, held.balance.held) == (300, 300)
    assert isinstance(captured, models.SpendOut)
    assert (captured.tokens, captured.hold) == (80, held.id)
    assert isinstance(refused, models.Refusal)
    assert (refused.code, refused.required, refused.available, refused.shortfall) == (
        "insufficient_tokens",
        5000,
        800,
        4200,
    )
