"""One shop over HTTP: sends a request, and returns a JSON document or raises one of the shop's faults.

`transport.ShopApi` sends the requests; the library it is built on looks at no
status, which is done here.
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
"""The longest all waits of one read may take together; a shop that wants more is asked another time."""
BODY_SECONDS = 60
"""The longest an answer may take from its first byte to its last, however slowly the shop drips."""
QUERY_AGAIN_SECONDS = 6 * 3600
"""How long keys that were refused in the query string are not tried there again."""

log = logging.getLogger(__name__)

_CHUNK = 2**16
_HOME_BYTES = 2**17
_HOME_HOPS = 3
_PROBE: dict[str, str | int] = {"per_page": 1, "_fields": "id"}
_RETRY_AFTER = Retry()

_Params = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the shop: the JSON, its headers, and how far its clock is ahead; None if it sent no time."""

    document: Any
    headers: Mapping[str, str]
    offset_seconds: int | None


@dataclass(slots=True)
class Budget:
    """How many requests a run may still send to a shop, and until when by the monotonic clock."""

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
    """Carries a failure from a request to the code that decides about another one."""

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self.failure = failure


class ShopSession:
    """Connections to one shop, kept open between requests, one request at a time, whichever thread sends it.

    `access` is the way to the API that is used, and may change with a request:
    where the usual way fails, others on the same host are tried. `budget`
    limits what is sent; None for no limit.
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
                raise BadShopAddress("the consumer key or secret is empty, or holds characters that no key has")
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
        """Return what the shop has under a path; None where it says that there is no such thing.

        Asked again up to three times where that can help: no connection, or a
        429, 502, 503 or 504. Each time is signed again, which a retry below
        this floor would not be. `Retry-After` is kept to, or not waited for.
        Where the API is not found, or the keys are not received, another
        way is tried once.
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
        """Change something, once: a request without a response may still have taken effect; None as in `read`."""
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
        """Return the response by another way of access; the failure, with the ways tried, if none works."""
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
        """Send the keys in the query string, once and over https only, or again in the header where they were not."""
        before, now = self.access, int(time.time())
        is_due = before.has_keys_in_query or abs(now - before.query_refused_at) >= QUERY_AGAIN_SECONDS
        if not self._is_tls or not is_due:
            return failure
        self.access = replace(before, has_keys_in_query=not before.has_keys_in_query, query_refused_at=0)
        outcome = self._read(path, params)
        if not isinstance(outcome, Failure):
            where = "query string" if self.access.has_keys_in_query else "Authorization header"
            log.warning("the shop %s takes its keys in the %s; that is remembered", self._host, where)
            return outcome
        self.access = replace(before, query_refused_at=now)
        if not failure.has_code:
            return failure
        tried = f"{failure.fault.detail}; the keys were tried in the Authorization header and in the query string"
        return replace(failure, fault=type(failure.fault)(tried))

    def _look_for_root(self, failure: Failure) -> Failure | None:
        """Find and use the path of the API; None where one was found, else the failure that says most."""
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
                log.warning("the REST API of the shop %s is found at %s; that is remembered", self._host, root)
                return None
        self.access = before
        return failure

    def _linked_root(self) -> str | None:
        """The path of the API the home page names, asked for without keys; raises `_Failed` where it is elsewhere."""
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
        """Where a page redirects to, its Link header, and its first part; None where there is no answer."""
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
            return Failure(ShopSilent(f"{self._host} did not answer within {self._timeout[1]} seconds"))
        except requests.RequestException as error:
            fault = ShopSilent(errors.unreachable(error, self._host))
            is_tls = isinstance(error, requests.exceptions.SSLError)
            return Failure(fault, is_passing=isinstance(error, requests.ConnectionError) and not is_tls)
        except ReadTimeoutError:
            return Failure(ShopSilent(f"{self._host} fell silent in the middle of its answer"))
        except (HTTPError, OSError):
            # Neither whole nor readable: cut off, or not compressed as it says.
            return Failure(ShopPageBroken("the shop's answer was cut off or garbled"))
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
        """The time limits of a request, to connect and between two bytes, within what the budget leaves."""
        if self.budget is None:
            return self._timeout
        left = max(1.0, self.budget.seconds)
        return min(self._timeout[0], left), min(self._timeout[1], left)

    def _take_budget(self) -> ShopBudgetSpent | None:
        budget = self.budget
        if budget is None:
            return None
        if budget.is_spent:
            return ShopBudgetSpent("this run used up its requests or its time for the shop; the next run goes on")
        budget.requests -= 1
        return None

    def _read_body(self, response: requests.Response) -> bytes | Failure:
        seconds = float(BODY_SECONDS) if self.budget is None else min(BODY_SECONDS, max(1.0, self.budget.seconds))
        deadline = time.monotonic() + seconds
        body = bytearray()
        # `read1` returns what has come, and so lets the clock be looked at, which waiting for a full chunk does not.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                return Failure(ShopPageBroken(f"the shop's answer is longer than {MAX_BODY_BYTES} bytes"))
            if time.monotonic() > deadline:
                return Failure(ShopSilent(f"{self._host} did not finish its answer within {seconds:.0f} seconds"))
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
                ShopPageBroken("the shop's answer holds more or deeper nested values than a page of documents can have")
            )
        except NotJson:
            pass
        if status < 300:
            if document is None or (status == 202 and not isinstance(document, list | dict)):
                return errors.not_json(status, headers, body, secrets=self._secrets)
            return Answer(document, headers, offset)
        code = errors.code_of(document)
        # Updating a webhook that is gone is answered with 400, everything else that is gone with 404.
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
        # A Date is cut to the second; on average half of one is missing.
        return round(parsedate_to_datetime(header or "").timestamp() + 0.5 - now)
    except (ValueError, OverflowError):
        return None
