"""The ASGI application around a WSGI one, without a server."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bridge.domain.errors import Overloaded, RequestTimedOut
from bridge.web.server.asgi import AsgiApp
from bridge.web.server.request_body import SLOW_BODY, BodyMemory, BodyReader
from bridge.web.server.routes import ROUTE
from bridge.web.server.worker_pool import WorkerPool

KIB = 1024


def scope(method="POST", path="/v1/spends", headers=(), **changes):
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"a=%20b",
        "headers": [(b"host", b"bridge.test"), *headers],
        "client": ("192.0.2.7", 4711),
        "server": ("127.0.0.1", 8000),
    } | changes


class Caller:
    """A caller that sends a body in parts; `takes` lets one part of the answer through each time it is set."""

    def __init__(self, *parts, breaks_off=False, takes=None):
        self.parts = list(parts)
        self.breaks_off = breaks_off
        self.takes = takes
        self.messages = []

    async def receive(self):
        if self.parts:
            part = self.parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(self.parts) or self.breaks_off}
        if self.breaks_off:
            return {"type": "http.disconnect"}
        return await asyncio.get_running_loop().create_future()

    async def send(self, message):
        if self.takes is not None and message["type"] == "http.response.body":
            await self.takes.wait()
            self.takes.clear()
        self.messages.append(message)

    @property
    def status(self):
        return self.messages[0]["status"]

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self.messages[1:])


class Noting:
    """Return a WSGI app that records how it was called."""

    def __init__(self):
        self.calls = []

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read()
        self.calls.append((environ, body))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"done"]


def complete(coroutine):
    """Run a coroutine in a thread of its own: browser tests leave an event loop in the thread of the tests."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def answer(app, caller, request, **settings):
    async def run():
        asgi = AsgiApp(app, **{"threads": 2, "seconds": 1} | settings)
        await asgi(request, caller.receive, caller.send)
        return asgi

    return complete(run())


def test_request_becomes_an_environment():
    app, caller = Noting(), Caller(b"bo", b"dy")
    headers = [
        (b"transfer-encoding", b"chunked"),
        (b"x-forwarded-for", b"1.2.3.4"),
        (b"x_forwarded_for", b"6.6.6.6"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
        (b"x-twice", b"1"),
        (b"x-twice", b"2"),
    ]
    answer(app, caller, scope(path="/v1/\u00e9", raw_path=b"/v1/%C3%A9%2F", headers=headers))

    ((environ, body),) = app.calls
    assert (caller.status, caller.body, body) == (200, b"done", b"body")
    assert environ["CONTENT_LENGTH"] == "4"
    assert "HTTP_TRANSFER_ENCODING" not in environ
    assert environ["PATH_INFO"] == "/v1/\u00c3\u00a9/"
    assert environ["QUERY_STRING"] == "a=%20b"
    assert environ["REMOTE_ADDR"] == "192.0.2.7"
    assert environ["HTTP_X_FORWARDED_FOR"] == "1.2.3.4", "a name with an underscore stands for nothing"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["HTTP_X_TWICE"] == "1,2"


@pytest.mark.parametrize(
    ("caller", "headers", "status"),
    [
        (Caller(b"{", breaks_off=True), [(b"content-length", b"10")], 400),
        (Caller(b"", breaks_off=True), [(b"transfer-encoding", b"chunked")], 400),
        (Caller(), [(b"content-length", b"10")], 408),
        (Caller(b"x" * 3 * KIB * KIB), [(b"transfer-encoding", b"chunked")], 413),
        (Caller(), [(b"content-length", b"3000000")], 413),
        (Caller(), [(b"content-length", b"5"), (b"content-encoding", b"gzip")], 415),
        (Caller(), [(b"host", b"other.test")], 400),
    ],
    ids=["breaks off", "breaks off at once", "never comes", "too long", "length too long", "compressed", "two hosts"],
)
def test_app_is_not_called_for_a_request_that_is_not_whole(caller, headers, status):
    app = Noting()
    answer(app, caller, scope(headers=headers), seconds=0.1)

    assert caller.status == status
    assert app.calls == []
    sent = dict(caller.messages[0]["headers"])
    assert (sent.get(b"connection") == b"close") == (status in {400, 408})


def test_refusal_leads_to_its_description_below_the_public_url():
    caller = Caller()
    headers = [(b"content-encoding", b"gzip"), (b"content-length", b"5")]
    answer(Noting(), caller, scope(path="/v1/link", headers=headers), public_url="https://x.example/bridge")

    assert json.loads(caller.body)["type"] == "https://x.example/bridge/v1/docs#unsupported_media_type"


class ChunkedApp:
    """Return a WSGI app whose answer comes in parts of 64 KiB; it records their number, and its closing."""

    def __init__(self, count):
        self.count = count
        self.made = 0
        self.is_closed = False

    def __call__(self, _environ, start_response):
        start_response("200 OK", [])
        return self

    def __iter__(self):
        for _ in range(self.count):
            self.made += 1
            yield b"x" * 64 * KIB

    def close(self):
        self.is_closed = True


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_monitors_are_answered_while_every_thread_is_busy(path):
    release = threading.Event()

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/v1/slow":
            release.wait(10)
        start_response("200 OK", [])
        return [b"done"]

    async def run():
        asgi = AsgiApp(app, threads=2, seconds=5)
        slow = [Caller() for _ in range(6)]
        busy = [asyncio.create_task(asgi(scope("GET", "/v1/slow"), caller.receive, caller.send)) for caller in slow]
        await asyncio.sleep(0.05)
        assert asgi.in_flight == 6
        monitor = Caller()
        try:
            await asyncio.wait_for(asgi(scope("GET", path), monitor.receive, monitor.send), 5)
        finally:
            release.set()
            await asyncio.gather(*busy)
        return monitor, slow

    monitor, slow = complete(run())
    assert [caller.status for caller in (monitor, *slow)] == [200] * 7


def test_every_answer_is_reported_with_its_route_and_status():
    reported = []

    def app(environ, start_response):
        environ[ROUTE] = "/v1/users/<user_id>"
        start_response("404 NOT FOUND", [])
        return [b"no"]

    answer(app, Caller(), scope("GET", "/v1/users/7"), on_answer=lambda *what: reported.append(what))
    headers = [(b"content-length", b"3000000")]
    answer(app, Caller(), scope(headers=headers), on_answer=lambda *what: reported.append(what))

    assert [what[:3] for what in reported] == [("/v1/users/<user_id>", "GET", 404), ("", "POST", 413)]
    assert all(0 <= what[3] < 5 for what in reported)


def test_long_answer_is_made_as_it_is_taken_and_holds_no_thread():
    async def run():
        app, takes = ChunkedApp(40), asyncio.Event()
        caller = Caller(takes=takes)
        asgi = AsgiApp(app, threads=1, seconds=5)
        request = asyncio.create_task(asgi(scope(method="GET"), caller.receive, caller.send))
        while app.made < 4:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert app.made == 4, "one part of the answer, and no more"
        other, quick = Caller(), asyncio.Event()
        quick.set()
        await asyncio.wait_for(asgi(scope(method="GET", path="/healthz"), other.receive, other.send), 5)
        while not request.done():
            takes.set()
            await asyncio.sleep(0.01)
        return app, caller

    app, caller = complete(run())
    assert len(caller.body) == 40 * 64 * KIB
    assert app.is_closed


def test_reader_that_takes_nothing_is_cut_off_and_the_answer_closed():
    app, caller = ChunkedApp(40), Caller(takes=asyncio.Event())
    answer(app, caller, scope(method="GET"), seconds=0.1)

    assert [message["type"] for message in caller.messages] == ["http.response.start"]
    assert app.is_closed
    assert app.made == 4


def test_pool_refuses_what_would_wait_too_long_in_line():
    async def run():
        pool, going = WorkerPool(1, 2, name="test"), threading.Event()
        calls = [asyncio.create_task(pool.run(going.wait)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await pool.run(going.wait)
        going.set()
        assert await asyncio.gather(*calls) == [True] * 3
        assert pool.in_flight == 0
        pool.close()

    complete(run())


def test_error_of_a_call_is_raised_where_its_result_is_awaited():
    async def run():
        pool = WorkerPool(1, 0, name="test")
        with pytest.raises(ZeroDivisionError):
            await pool.run(lambda: 1 // 0)
        assert await pool.run(lambda: 7) == 7
        pool.close()

    complete(run())


def test_memory_for_bodies_is_given_up_by_the_slowest():
    async def hold(memory, size, ended):
        try:
            async with asyncio.timeout(60) as deadline:
                body = memory.hold(deadline)
                memory.take(body, size)
                await asyncio.Event().wait()
        except TimeoutError:
            ended.append(size)
        finally:
            memory.release(body)

    async def run():
        memory, ended = BodyMemory(100), []
        slow = [asyncio.create_task(hold(memory, size, ended)) for size in (41, 42)]
        await asyncio.sleep(0)
        async with asyncio.timeout(60) as deadline:
            fast = memory.hold(deadline)
            memory.take(fast, 50)
            memory.complete(fast)
        await asyncio.sleep(0.01)
        assert ended == [41], "the one that began first"
        async with asyncio.timeout(60) as deadline:
            late = memory.hold(deadline)
            with pytest.raises(Overloaded):
                memory.take(late, 60)
            memory.release(late)
        memory.release(fast)
        await asyncio.gather(*slow[:1])
        for task in slow[1:]:
            await asyncio.wait([task], timeout=0.1)
        assert ended == [41, 42]
        assert memory.used == 0

    complete(run())


def test_small_bodies_that_arrive_slowly_share_the_memory_too():
    async def read(reader, first, ended, name):
        messages = [{"type": "http.request", "body": b"x" * first, "more_body": True}]

        async def receive():
            if messages:
                return messages.pop()
            return await asyncio.Event().wait()

        try:
            async with reader.read("POST", "/admin/sign-in", {"content-length": "60000"}, receive):
                pass
        except (Overloaded, RequestTimedOut) as error:
            ended.append((name, type(error)))

    async def run():
        ended, reader = [], BodyReader(seconds=0.3, memory=BodyMemory(3 * SLOW_BODY))
        sizes = {"tiny": SLOW_BODY, "slowest": 2 * SLOW_BODY, "slow": 2 * SLOW_BODY}
        async with asyncio.TaskGroup() as tasks:
            for name, size in sizes.items():
                tasks.create_task(read(reader, size, ended, name))
                await asyncio.sleep(0.01)
        return ended

    first, *others = complete(run())

    assert first == ("slowest", Overloaded)
    assert {kind for _, kind in others} == {RequestTimedOut}
