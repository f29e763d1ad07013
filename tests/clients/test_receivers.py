"""Requests to receivers: what counts as an answer, and addresses that no event may reach."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bridge.clients import event_sender
from bridge.clients.event_sender import Receivers, fault_of, is_loopback
from tests.support.receivers import receiver_running

BODY = b'{"type":"balance.low"}'
PRIVATE = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fc00::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::a00:1]",
    "[2002:7f00:1::]",
    "[ff02::1]",
    "127.0.0.1.",
    "0x7f.1",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "10.1",
    "0xa000001",
    "192.0.0.8",
    "192.88.99.1",
    "198.18.0.1",
    "240.0.0.1",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[::10.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[::ffff:0:7f00:1]",
    "[::ffff:0:10.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::a00:1]",
    "[2002:a00:1::]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[fec0::1]",
    "[fd00::1]",
    "[100::1]",
    "[5f00::1]",
    "[::5efe:127.0.0.1]",
    "[2606:4700::5efe:10.0.0.1]",
    "[2606:4700::200:5efe:10.0.0.1]",
    "[4000::1]",
]
LOOPBACK = {
    *("127.0.0.1", "127.1", "127.0.0.1.", "2130706433", "0x7f000001", "0x7f.1", "0x7f.0.0.1", "0177.0.0.1"),
    *("017700000001", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:1]"),
}
"""The spellings of this machine's own address, also inside another address."""


@pytest.fixture
def receiver():
    with receiver_running() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def loop() -> Receivers:
    return Receivers(may_loop=True)


def resolve_to(monkeypatch, *addresses):
    """Resolve every name to these addresses."""

    def look_up(_host, port, *_args, **_options):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(event_sender.socket, "getaddrinfo", look_up)


def test_post_carries_body_headers_and_query(receiver, loop):
    answer = loop.post(receiver.url, BODY, {"webhook-id": "evt_1"})

    assert (answer.status, answer.error, answer.is_delivered) == (204, "", True)
    (received,) = receiver.received
    assert received.body == BODY
    assert received.path == "/hook?shop=1"
    assert received.headers["webhook-id"] == "evt_1"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(receiver, loop, status):
    receiver.answer = lambda _received: status

    answer = loop.post(receiver.url, BODY, {})

    assert (answer.status, answer.is_delivered, answer.error) == (status, False, f"HTTP {status}")
    assert len(receiver.received) == 1


@pytest.mark.parametrize(("status", "delivered"), [(200, True), (299, True), (400, False), (410, False), (500, False)])
def test_only_2xx_is_delivered(receiver, loop, status, delivered):
    receiver.answer = lambda _received: status

    answer = loop.post(receiver.url, BODY, {})

    assert answer.is_delivered is delivered
    assert answer.is_gone is (status == 410)
    assert not answer.is_unreachable


def test_refused_and_broken_connections_are_answers(receiver, loop):
    receiver.answer = lambda _received: None
    broken = loop.post(receiver.url, BODY, {})
    receiver.stop()
    refused = loop.post(receiver.url, BODY, {})

    assert (broken.status, broken.is_unreachable) == (None, True)
    assert broken.error == "no response: ProtocolError"
    assert (refused.status, refused.is_unreachable) == (None, True)
    assert refused.error.startswith("no connection: ")


@pytest.mark.parametrize("host", PRIVATE)
def test_private_addresses_are_refused_as_written_and_when_posting(host):
    url = f"https://{host}/hook"

    assert fault_of(url, may_loop=False) is not None
    answer = Receivers(may_loop=False).post(url, BODY, {})
    assert answer.status is None
    # No name with this ending resolves; no connection is tried either.
    assert answer.error == "the address is in a private network" or host == "127.0.0.1."


@pytest.mark.parametrize("host", PRIVATE)
def test_bridge_on_loopback_may_post_there_and_nowhere_else_inside(host):
    if host in LOOPBACK:
        assert fault_of(f"http://{host}/", may_loop=True) is None
    else:
        assert fault_of(f"http://{host}/", may_loop=True) is not None


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["93.184.215.14", "10.0.0.1"], ["169.254.169.254"]])
def test_names_that_lead_inside_are_refused_before_a_connection(monkeypatch, addresses):
    resolve_to(monkeypatch, *addresses)

    def connect(*_args, **_options):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(event_sender, "create_connection", connect)

    answer = Receivers(may_loop=False).post("https://hooks.example.com/", BODY, {})

    assert answer.error == "the address is in a private network"


def test_connection_goes_to_the_address_that_was_judged(monkeypatch, receiver):
    """A name that resolves differently the second time gains nothing."""
    opened = []

    def connect(address, *_args, **_options):
        opened.append(address)
        raise ConnectionRefusedError("nobody there")

    resolve_to(monkeypatch, "93.184.215.14")
    monkeypatch.setattr(event_sender, "create_connection", connect)

    answer = Receivers(may_loop=False).post("http://hooks.example.com/", BODY, {})

    assert opened == [("93.184.215.14", 80)]
    assert answer.error == "no connection: nobody there"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com/x",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https://ada:secret@hooks.example.com/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nx: y",
        "https://hooks.example.com\\@10.0.0.1/",
        "https://höoks.example.com/",
        "https://[::1",
        "http://localhost/",
        "http://LOCALHOST.:80/",
        "http://admin.localhost/",
        "https://[fe80::1%25eth0]/",
        "https://[2606:4700::1%25eth0]/",
        "https://%31%32%37.0.0.1/",
        "https://127.0.0.1%00.example.com/",
        "https://127.0.0.1:80@10.0.0.1/",
        "https://ada@127.0.0.1/",
        "https://hooks..example.com/",
        "https://1.2.3.4.5/",
        "https://hooks.example.com,10.0.0.1/",
        "https:///hooks.example.com/",
    ],
)
def test_addresses_that_are_none_are_named_as_faults(url):
    assert fault_of(url, may_loop=False) is not None


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "https://hooks.example.com./",
        "http://hooks.example.com:8080/a?b=c",
        "https://93.184.215.14/",
        "https://[2606:4700:4700::1111]/",
        "https://[::ffff:93.184.215.14]/",
        "https://xn--hks-jua.example/",
        "https://a_b.example.com/",
    ],
)
def test_public_addresses_are_no_fault(url):
    assert fault_of(url, may_loop=False) is None


def test_loopback_is_distinguished_from_a_public_address():
    urls = ("http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000", "http://127.8.9.1")

    assert all(is_loopback(url) for url in urls)
    assert not any(is_loopback(url) for url in ("https://bridge.example.com", "http://10.0.0.1", "http://["))


def test_tls_of_an_unknown_authority_is_refused(loop, tmp_path):
    pem = _self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_shake_hands, args=(server, context), daemon=True)
        thread.start()
        answer = loop.post(f"https://127.0.0.1:{server.getsockname()[1]}/", BODY, {})
        thread.join(5)

    assert answer.status is None
    assert answer.error.startswith("TLS: ")
    assert "CERTIFICATE_VERIFY_FAILED" in answer.error


def test_receiver_that_drips_is_cut_off(monkeypatch, loop):
    """Each byte restarts the read timeout; the total timeout does not wait for it."""
    monkeypatch.setattr(event_sender, "TOTAL_SECONDS", 0.2)
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_drip, args=(server, done), daemon=True)
        thread.start()
        started = time.monotonic()
        answer = loop.post(f"http://127.0.0.1:{server.getsockname()[1]}/", BODY, {})
        took = time.monotonic() - started
        done.set()
        thread.join(5)

    assert answer.status is None
    assert took < 3


def test_endless_answer_is_not_read(loop):
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_talk, args=(server, done), daemon=True)
        thread.start()
        answer = loop.post(f"http://127.0.0.1:{server.getsockname()[1]}/", BODY, {})
        ended = done.wait(5)
        thread.join(5)

    assert answer.is_delivered
    assert ended


def test_nothing_is_left_behind(receiver, loop):
    before = {thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)}

    for _ in range(3):
        loop.post(receiver.url, BODY, {})

    after = {thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)} - before
    for thread in after:
        thread.join(5)
    assert not any(thread.is_alive() for thread in after)


def _shake_hands(server: socket.socket, context: ssl.SSLContext) -> None:
    client, _ = server.accept()
    with client:
        try:
            context.wrap_socket(client, server_side=True).close()
        except OSError:
            return


def _drip(server: socket.socket, done: threading.Event) -> None:
    client, _ = server.accept()
    with client:
        client.recv(65536)
        try:
            client.sendall(b"HTTP/1.1 200 OK\r\nx-drip: ")
            while not done.wait(0.02):
                client.sendall(b"a")
        except OSError:
            return


def _talk(server: socket.socket, done: threading.Event) -> None:
    client, _ = server.accept()
    with client:
        client.recv(65536)
        try:
            client.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            for _ in range(100_000):
                client.sendall(b"1000\r\n" + b"a" * 4096 + b"\r\n")
        except OSError:
            done.set()


def _self_signed(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "stranger.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
