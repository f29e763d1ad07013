"""`python -m fakeshop`: a shop that sells until its standard input is closed.

Its first line of output is JSON with its address and REST keys. Webhooks created in it
deliver every order to `--deliver-to`, whatever host they name.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from urllib.parse import urlsplit

from fakeshop.model.random_buyers import Buyers, Calendar
from fakeshop.model.shop import FakeShop
from fakeshop.rest.server import serve
from fakeshop.webhooks.http_client import Headers, Send, send_over_http

_FIRST_SECONDS = 5.0
"""When the first buyer comes: the receiver of the webhooks has just started."""


def main() -> None:
    """Open the shop, print its address and keys, and run the buyers."""
    parser = argparse.ArgumentParser(
        prog="python -m fakeshop",
        description="A fake WooCommerce shop that sells. Prints its URL and REST keys as JSON. Ends when its input"
        " is closed: Ctrl-D in a terminal. Started in the background it needs an open input.",
    )
    parser.add_argument("--deliver-to", required=True, metavar="URL", help="where deliveries go, on this machine")
    parser.add_argument("--seed", type=int, default=7, help="the same seed sells the same")
    parser.add_argument("--days", type=int, default=30, help="how long it has been open")
    parser.add_argument("--orders", type=int, default=60, help="how much happened since")
    parser.add_argument("--every", type=float, default=20.0, help="seconds between two buyers, on average")
    wanted = parser.parse_args()
    # Ctrl-C reaches the parent process, which then closes the standard input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    calendar = Calendar()
    shop = FakeShop(wanted.seed, clock=calendar, send=_send_to(wanted.deliver_to))
    buyers = Buyers(shop, calendar, seed=wanted.seed)
    buyers.live(days=wanted.days, orders=wanted.orders)
    with serve(shop) as served:
        key = shop.add_key(description="the bridge")
        announcement = {"url": served.url, "consumer_key": key.consumer_key, "consumer_secret": key.consumer_secret}
        sys.stdout.write(json.dumps(announcement) + "\n")
        sys.stdout.close()
        closed, pause = _closed_input(), _FIRST_SECONDS
        while not closed.wait(pause):
            buyers.act()
            shop.run_queue()
            pause = buyers.pause(wanted.every)


def _send_to(base: str) -> Send:
    def send(url: str, headers: Headers, body: bytes) -> int:
        return send_over_http(f"{base.rstrip('/')}{urlsplit(url).path}", headers, body)

    return send


def _closed_input() -> threading.Event:
    """Return an event that is set when the standard input is closed."""
    closed = threading.Event()

    def wait() -> None:
        sys.stdin.buffer.read()
        closed.set()

    threading.Thread(target=wait, daemon=True).start()
    return closed


main()
