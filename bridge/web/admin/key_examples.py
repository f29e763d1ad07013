"""Requests that run as they are, with the store's address and a key from the environment."""

from __future__ import annotations

import json

from bridge.runtime import runtime
from bridge.web.admin.curl import curl
from bridge.web.api.samples import Sample

_PATH = "/v1/store"

_PHP = """<?php
$request = curl_init({url});
curl_setopt_array($request, [
    CURLOPT_HTTPHEADER => ['Authorization: Bearer ' . getenv('TOKEN_BRIDGE_KEY')],
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_TIMEOUT => 30,
]);
echo curl_exec($request), "\\n";"""

_PYTHON = """import os
from urllib.request import Request, urlopen

headers = {{"Authorization": "Bearer " + os.environ["TOKEN_BRIDGE_KEY"]}}
with urlopen(Request({url}, headers=headers), timeout=30) as response:
    print(response.read().decode())"""

_JAVASCRIPT = """const headers = {{ Authorization: `Bearer ${{process.env.TOKEN_BRIDGE_KEY}}` }};
fetch({url}, {{ headers, signal: AbortSignal.timeout(30000) }})
  .then((response) => response.text())
  .then(console.log);"""


def list_examples() -> tuple[Sample, ...]:
    """Return a request for the store's settings in each language."""
    url = runtime().config.public_url.rstrip("/") + _PATH
    quoted = json.dumps(url)
    php = "'" + url.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return (
        Sample("curl", curl("GET", _PATH)),
        Sample("PHP", _PHP.format(url=php)),
        Sample("Python", _PYTHON.format(url=quoted)),
        Sample("JavaScript", _JAVASCRIPT.format(url=quoted)),
    )
