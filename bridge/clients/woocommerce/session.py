"""HTTP requests to one shop: return a JSON document, or raise an error of the shop.

`transport.ShopApi` sends the requests; the library below it does not check the
status, so this module does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError, InvalidHeader, ReadTimeoutError
from urllib3.util import Retry

from bridge.clients.woocommerce import answers, discovery, errors, transport
from bridge.clients.woocommerce.answers import MAX_BODY_BYTES, NotJson, TooMuchJson
from bridge.clients.woocommerce.errors import Failure, Hint
from bridge.domain.shop.access import ShopAccess
from bridge.domain.shop.errors import BadShopAddress, ShopBudgetSpent, ShopPageBroken, ShopSilent

RETRIES = 3
MAX_WAIT_SECONDS = 60
"""The longest time that all waits of one read may take; if the shop asks for more, the read fails."""
BODY_SECONDS = 60
"""The longest time from the first byte of a response to its last."""
QUERY_AGAIN_SECONDS = 6 * 3600
"""How long keys are not sent in the query string again after they were refused there."""

log = logging.getLogger(__name__)

_CHUNK = 2**16
_HOME_BYTES = 2**17
_HOME_HOPS = 3
_PROBE: dict[str, str | int] = {"per_page": 1, "_fields": "id"}
_RETRY_AFTER = Retry()

_Params = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of the shop: JSON, headers, and how far its clock is ahead (None if it sent no time)."""

    document: Any
    headers: Mapping[str, str]
    offset_seconds: int | None


@dataclass(slots=True)
class Budget:
    """The requests that a run may still send to a shop, and its end by the monotonic clock."""

    requests: int
    deadline: float

    @property
    def seconds(self) -> float:
        """How many seconds are left."""
        return max(0.0, self.deadline - time.monotonic())

    @property
    def is_spent(self) -> bool:
        """Return whether nothing more may be sent."""
        return self.requests <= 0 or not self.seconds


class _Failed(Exception):
    """Carries a failure from a request to the code that decides about another attempt."""

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self.failure = failure


class ShopSession:
    """Connections to one shop, kept open between requests; one request at a time, from any thread.

    `access` is the way to reach the API. It may change with a request: if the
    usual way fails, others on the same host are tried. `budget` limits the
    requests; None for no limit.
    """

    def __init__(
        self,
        url: str,
        *,
        consumer_key: str,
        consumer_secret: str,
        timeout: tuple[float, float],
        sleep: Callable[[float], object],
    ) -> None:
        url = transport.usable(url)
        for key in (consumer_key, consumer_secret):
            if not (key and key.isascii() and key.isprintable()):
                raise BadShopAddress("the consumer key or secret is empty, or has characters that no key contains")
        parts = urlsplit(url)
        self.access = ShopAccess()
        self.budget: Budget | None = None
        self._host, self._folder = parts.netloc, parts.path
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._is_tls = parts.scheme == "https"
        self._timeout = timeout
        self._sleep = sleep
        self._has_looked = False
        self._secrets = transport.spellings(consumer_key, consumer_secret)
        self._turn = threading.RLock()
        self._api = transport.ShopApi(url, consumer_key, consumer_secret, timeout=timeout)

    def close(self) -> None:
        """Close the connections; the session can be used again."""
        self._api.session.close()

    def read(self, path: str, params: _Params | None = None) -> Answer | None:
        """Return the document at a path; None if the shop says that it does not exist.

        Retries up to three times after no connection, 429, 502, 503 or 504. Each
        attempt gets its own signature, which a retry in the HTTP library would not be.
        `Retry-After` is respected; if it is too long, there is no retry. If the API
        is not found, or the shop does not receive the keys, another way is tried
        once.
        """
        with self._turn:
            outcome = self._read(path, params)
            if isinstance(outcome, Failure) and outcome.hint is not Hint.NONE:
                outcome = self._read_another_way(path, params, outcome)
        if isinstance(outcome, Failure):
            raise outcome.fault
        return outcome

    def write(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: _Params | None = None,
    ) -> Answer | None:
        """Send a change once, because a request without a response may have taken effect; None as in `read`."""
        with self._turn:
            outcome = self._request(method, path, body=body, params=params)
        if isinstance(outcome, Failure):
            raise outcome.fault
        return outcome

    def _read(self, path: str, params: _Params | None) -> Answer | Failure | None:
        waited = 0.0
        for attempt in range(RETRIES + 1):
            outcome = self._request("GET", path, params=params)
            if not isinstance(outcome, Failure) or not outcome.is_passing:
                return outcome
            wait = 2**attempt if outcome.wait is None else outcome.wait
            has_time = self.budget is None or wait < self.budget.seconds
            if attempt == RETRIES or waited + wait > MAX_WAIT_SECONDS or not has_time:
                return outcome
            self._sleep(wait)
            waited += wait
        raise AssertionError("the last attempt returns")

    def _read_another_way(self, path: str, params: _Params | None, failure: Failure) -> Answer | Failure | None:
        """Return the response by another way of access; if none works, the failure with the ways tried."""
        if failure.hint is Hint.OTHER_ROOT and not self._has_looked:
            self._has_looked = True
            if (lost := self._look_for_root(failure)) is not None:
                return lost
            outcome = self._read(path, params)
            if not isinstance(outcome, Failure) or outcome.hint is not Hint.KEYS_UNSEEN:
                return outcome
            failure = outcome
        return self._try_query(path, params, failure) if failure.hint is Hint.KEYS_UNSEEN else failure

    def _try_query(self, path: str, params: _Params | None, failure: Failure) -> Answer | Failure | None:
        """Send the keys in the query string, once and over https only, or in the header if they were in the query."""
        before, now = self.access, int(time.time())
        is_due = before.has_keys_in_query or abs(now - before.query_refused_at) >= QUERY_AGAIN_SECONDS
        if not self._is_tls or not is_due:
            return failure
        self.access = replace(before, has_keys_in_query=not before.has_keys_in_query, query_refused_at=0)
        outcome = self._read(path, params)
        if not isinstance(outcome, Failure):
            where = "query string" if self.access.has_keys_in_query else "Authorization header"
            log.warning("the shop %s accepts its keys in the %s", self._host, where)
            return outcome
        self.access = replace(before, query_refused_at=now)
        if not failure.has_code:
            return failure
        tried = f"{failure.fault.detail}; the keys were tried in the Authorization header and in the query string"
        return replace(failure, fault=type(failure.fault)(tried))

    def _look_for_root(self, failure: Failure) -> Failure | None:
        """Find the path of the API and use it; return None, or the most useful failure if there is no path."""
        roots = [failure.root] if failure.root else []
        try:
            linked = self._linked_root()
        except _Failed as failed:
            return failed.failure
        roots += [linked] if linked else []
        before = self.access
        used = before.root or f"{self._folder}/wp-json/"
        for root in dict.fromkeys(root for root in (*roots, *discovery.usual_roots(self._folder)) if root != used):
            self.access = replace(before, root=root)
            outcome = self._request("GET", "orders", params=_PROBE)
            is_api = isinstance(outcome, Answer) and isinstance(outcome.document, list)
            if is_api or (isinstance(outcome, Failure) and outcome.has_code):
                log.warning("the REST API of the shop %s was found at %s", self._host, root)
                return None
        self.access = before
        return failure

    def _linked_root(self) -> str | None:
        """Return the API path linked on the home page, requested without keys; raises `_Failed` for another host."""
        url = f"{self._origin}{self._folder}/"
        for _ in range(_HOME_HOPS):
            outcome = self._get_home(url)
            if outcome is None:
                return None
            location, header, page = outcome
            if not location:
                try:
                    return discovery.linked_root(url, header, page)
                except discovery.OtherHost as other:
                    host = other.host
                raise _Failed(Failure(errors.other_host(host)))
            there = urljoin(url, location)
            if urlsplit(there)[:2] != urlsplit(url)[:2]:
                raise _Failed(errors.moved(url, location))
            url = there
        return None

    def _get_home(self, url: str) -> tuple[str, str, str] | None:
        """Return a page's redirect target, Link header and first part; None without a response."""
        if self._take_budget() is not None:
            return None
        try:
            with self._api.session.get(
                url,
                auth=transport.without_keys,
                headers=transport.PAGE_HEADERS,
                timeout=self._limits(),
                stream=True,
            ) as response:
                location = response.headers.get("Location", "") if 300 <= response.status_code < 400 else ""
                page = b"" if location else response.raw.read1(_HOME_BYTES, decode_content=True)
                return location, response.headers.get("Link", ""), page.decode("utf-8", "replace")
        except (requests.RequestException, HTTPError, OSError, ValueError):
            return None

    def _request(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None, params: _Params | None = None
    ) -> Answer | Failure | None:
        if (spent := self._take_budget()) is not None:
            return Failure(spent)
        started, status = time.monotonic(), "-"
        sent_at = time.time()
        arguments: dict[str, Any] = {"data": dict(body)} if body is not None else {}
        try:
            self._prepare()
            call = getattr(self._api, method.lower())
            with call(path, params=params, stream=True, **arguments) as response:
                status = str(response.status_code)
                offset = _offset(response.headers.get("Date"), (sent_at + time.time()) / 2)
                content = self._read_body(response)
                return content if isinstance(content, Failure) else self._answer(method, response, content, offset)
        except requests.ReadTimeout:
            return Failure(ShopSilent(f"{self._host} did not respond within {self._timeout[1]} seconds"))
        except requests.RequestException as error:
            fault = ShopSilent(errors.unreachable(error, self._host))
            is_tls = isinstance(error, requests.exceptions.SSLError)
            return Failure(fault, is_passing=isinstance(error, requests.ConnectionError) and not is_tls)
        except ReadTimeoutError:
            return Failure(ShopSilent(f"{self._host} stopped sending in the middle of its response"))
        except (HTTPError, OSError):
            # Incomplete, or not compressed as its header says.
            return Failure(ShopPageBroken("the shop's response was incomplete or damaged"))
        finally:
            milliseconds = (time.monotonic() - started) * 1000
            log.debug("%s %s /%s: %s, %.0f ms", method, self._host, path, status, milliseconds)

    def _prepare(self) -> None:
        """Set the path of the API and the place of the keys for the next request."""
        root = self.access.root or f"{self._folder}/wp-json/"
        self._api.address = f"{self._origin}{root}wc/v3/"
        self._api.query_string_auth = self._is_tls and self.access.has_keys_in_query
        self._api.timeout = self._limits()

    def _limits(self) -> tuple[float, float]:
        """Return the timeouts of a request, to connect and between two bytes, within the budget."""
        if self.budget is None:
            return self._timeout
        left = max(1.0, self.budget.seconds)
        return min(self._timeout[0], left), min(self._timeout[1], left)

    def _take_budget(self) -> ShopBudgetSpent | None:
        budget = self.budget
        if budget is None:
            return None
        if budget.is_spent:
            return ShopBudgetSpent("this run has used up its requests or its time for the shop; the next run continues")
        budget.requests -= 1
        return None

    def _read_body(self, response: requests.Response) -> bytes | Failure:
        seconds = float(BODY_SECONDS) if self.budget is None else min(BODY_SECONDS, max(1.0, self.budget.seconds))
        deadline = time.monotonic() + seconds
        body = bytearray()
        # `read1` returns the bytes that have arrived, so that the time can be checked before a chunk is full.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                return Failure(ShopPageBroken(f"the shop's response is longer than {MAX_BODY_BYTES} bytes"))
            if time.monotonic() > deadline:
                return Failure(ShopSilent(f"{self._host} did not finish its response within {seconds:.0f} seconds"))
        return bytes(body)

    def _answer(
        self, method: str, response: requests.Response, body: bytes, offset: int | None
    ) -> Answer | Failure | None:
        status, headers = response.status_code, response.headers
        if 300 <= status < 400:
            location = headers.get("Location", "")
            failure = errors.moved(response.url, location)
            return replace(failure, root=discovery.root_of_redirect(response.url, location) or "")
        document = None
        try:
            document = answers.parse(body)
        except TooMuchJson:
            return Failure(
                ShopPageBroken("the shop's response has more or deeper nested values than a page of documents can have")
            )
        except NotJson:
            pass
        if status < 300:
            if document is None or (status == 202 and not isinstance(document, list | dict)):
                return errors.not_json(status, headers, body, secrets=self._secrets)
            return Answer(document, headers, offset)
        code = errors.code_of(document)
        # WooCommerce responds with 400 when a missing webhook is updated, with 404 for everything else that is missing.
        if status in {400, 404} and code.endswith("_invalid_id"):
            return None
        wait = _wait_wanted(headers.get("Retry-After"))
        signed_offset = None if self._is_tls else offset
        return errors.failure_of(method, status, code, headers, body, wait=wait, signed_offset=signed_offset)


def _wait_wanted(header: str | None) -> int | None:
    if header is None:
        return None
    try:
        return round(_RETRY_AFTER.parse_retry_after(header))
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _offset(header: str | None, now: float) -> int | None:
    try:
        # A Date header is cut to the second; on average half a second is missing.
        return round(parsedate_to_datetime(header or "").timestamp() + 0.5 - now)
    except (ValueError, OverflowError):
        return None
