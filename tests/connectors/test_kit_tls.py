"""TLS verification is never off: a private CA is trusted by file, and by nothing else."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.kit.http import Client
from connectors.kit.outcomes import CertificateError
from connectors.kit.reach import Reach, read_networks
from core.errors import SetupError, TransientError


class _Quiet(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_args: object) -> None: ...


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    path = folder / "server.pem"
    path.write_bytes(pem)
    return path


class _Server(HTTPServer):
    def handle_error(self, *_args: object) -> None:
        """Stay silent: a client that refuses our certificate is what the tests are about."""


@pytest.fixture(params=[ssl.CERT_NONE])
def private(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[str, Path]]:
    """Give an HTTPS server whose certificate only its own CA file vouches for; it may want one of ours as well."""
    pem = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.load_verify_locations(pem)
    context.verify_mode = request.param
    server = _Server(("127.0.0.1", 0), _Quiet)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}", pem
    server.shutdown()
    server.server_close()


def test_an_unknown_ca_is_a_setup_error_not_a_retry(private: tuple[str, Path]) -> None:
    """A certificate nobody we know signed stops us, and a person is told to name the CA."""
    client = Client(private[0], timeout_s=5)
    with pytest.raises(CertificateError, match="ca_file"):
        client.get()
    client.close()


def test_a_private_ca_is_trusted_by_its_file(private: tuple[str, Path]) -> None:
    """With the CA's file the same server is trusted."""
    client = Client(private[0], timeout_s=5, ca_file=private[1])
    assert client.get().json() == {}
    client.close()


def test_the_name_must_fit(private: tuple[str, Path]) -> None:
    """A trusted certificate for another name is refused: trust in a CA is not trust in every host."""
    client = Client(private[0].replace("127.0.0.1", "localhost"), timeout_s=5, ca_file=private[1])
    with pytest.raises(CertificateError):
        client.get()
    client.close()


@pytest.mark.parametrize("private", [ssl.CERT_REQUIRED], indirect=True)
def test_a_certificate_of_our_own_opens_a_far_side_that_wants_one(private: tuple[str, Path], tmp_path: Path) -> None:
    """Mutual TLS, guarded by address too: with our certificate the far side answers, without one it hangs up."""
    url, pem = private
    reach = Reach(read_networks(["127.0.0.0/8"]))
    client = Client(url, timeout_s=5, ca_file=pem, certificate=(str(pem), str(pem)), reach=reach)
    assert client.get().json() == {}
    client.close()
    without = Client(url, timeout_s=5, ca_file=pem, reach=reach)
    with pytest.raises(TransientError):
        without.get()
    without.close()
    with pytest.raises(SetupError, match="Our own certificate"):
        Client(url, ca_file=pem, certificate=(str(tmp_path / "none.pem"), str(pem)))
