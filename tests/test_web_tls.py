"""`kmgb serve` with TLS, client certificates and proxies, and how it says that it cannot start."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from servers_web import PATH, TOKENS, Issued, Kmgb, Secured, client, dump, kmgb, make_town
from typer.testing import CliRunner

from kmgb.cli.main import app
from kmgb.errors import KmgbError, SettingsError
from kmgb.settings import load_settings
from kmgb.web.serve import library


@pytest.fixture(scope="module")
def issuer() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, issuer: trustme.CA) -> Secured:
    return Secured(tmp_path_factory.mktemp("tls"), issuer)


@pytest.fixture(scope="module")
def served(secured: Secured) -> Iterator[Kmgb]:
    with kmgb(secured.town, *secured.options) as running:
        yield running


def test_a_client_certificate_is_enough(secured: Secured, served: Kmgb) -> None:
    with secured.caller(served, secured.own) as caller:
        answer = caller.post(PATH, content=dump(3))
    assert answer.status_code in (200, 201)
    assert "max-age" in answer.headers["strict-transport-security"]
    audit = (secured.town.parent / "data" / "audit.jsonl").read_text()
    assert f"sociaal (certificaat sha256:{secured.own.fingerprint[:16]})" in audit


def test_another_certificate_of_the_same_issuer_is_a_stranger(secured: Secured, served: Kmgb) -> None:
    with secured.caller(served, secured.other) as caller:
        assert caller.post(PATH, content=dump(3)).status_code == 401


def test_a_certificate_of_an_unknown_issuer_does_not_get_a_connection(secured: Secured, served: Kmgb) -> None:
    with secured.caller(served, secured.stray) as caller, pytest.raises(httpx2.TransportError):
        caller.post(PATH, content=dump(3))


def test_a_token_needs_no_certificate_and_a_wrong_one_is_wrong_beside_a_certificate(
    secured: Secured, served: Kmgb
) -> None:
    with secured.caller(served, None, TOKENS["KMGB_GEHEIM_SOCIAAL_PUSH"]) as caller:
        assert caller.post(PATH, content=dump(3)).status_code in (200, 201)
    with secured.caller(served, secured.own, "een-token-dat-niemand-heeft-4711") as caller:
        assert caller.post(PATH, content=dump(3)).status_code == 401


def test_older_tls_is_refused(secured: Secured, served: Kmgb) -> None:
    context = ssl.create_default_context(cafile=str(secured.ca))
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("localhost", served.port)) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname="localhost")


def test_a_header_of_a_certificate_is_nothing_by_itself(secured: Secured, served: Kmgb) -> None:
    with secured.caller(served, None) as caller:
        for name in ("X-Client-Cert", "X-SSL-Client-Fingerprint", "X-Forwarded-Client-Cert"):
            assert caller.post(PATH, content=dump(3), headers={name: secured.own.fingerprint}).status_code == 401


PROXY = 'proxy_header = "X-Client-Cert"\nproxies = ["{address}"]\n'


@pytest.fixture
def behind(tmp_path: Path, issuer: trustme.CA, request: pytest.FixtureRequest) -> Iterator[tuple[Kmgb, Issued]]:
    """A server that believes a proxy at the address of the test, by default our own."""
    shown = Issued(tmp_path, issuer, "sociaal")
    settings = PROXY.format(address=getattr(request, "param", "127.0.0.0/8"))
    town = make_town(tmp_path, door=f'certificaat = "{shown.fingerprint}"', settings=settings)
    with kmgb(town) as running:
        yield running, shown


def test_a_trusted_proxy_tells_the_certificate(behind: tuple[Kmgb, Issued]) -> None:
    served, shown = behind
    with client(served.address, "") as caller:
        said = [shown.fingerprint, f"sha256:{shown.fingerprint.upper()}", quote(shown.text), "0" * 64, "onzin", ""]
        answers = [caller.post(PATH, content=dump(3), headers={"X-Client-Cert": text}).status_code for text in said]
        assert answers == [201, 200, 200, 401, 401, 401]
        twice = [("X-Client-Cert", "0" * 64), ("X-Client-Cert", shown.fingerprint)]
        assert caller.post(PATH, content=dump(3), headers=twice).status_code == 401


@pytest.mark.parametrize("behind", ["10.0.0.5"], indirect=True)
def test_only_the_listed_proxy_is_believed(behind: tuple[Kmgb, Issued]) -> None:
    served, shown = behind
    headers = {"X-Client-Cert": shown.fingerprint, "X-Forwarded-For": "10.0.0.5", "Forwarded": "for=10.0.0.5"}
    with client(served.address, "") as caller:
        assert caller.post(PATH, content=dump(3), headers=headers).status_code == 401


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in TOKENS.items():
        monkeypatch.setenv(name, value)
    return make_town(tmp_path)


def refused(town: Path, *options: str) -> str:
    """The sentence with which `kmgb serve` does not start; it ends with code 2."""
    result = CliRunner().invoke(app, ["--instellingen", str(town), "serve", *options])
    assert isinstance(result.exception, KmgbError), result.output
    assert result.exception.exit_code == 2
    return str(result.exception)


def test_without_tls_it_does_not_listen_on_a_network(town: Path) -> None:
    told = refused(town, "--host", "0.0.0.0")
    assert "Zonder TLS" in told and "--achter-gateway" in told


def test_behind_a_gateway_it_does(town: Path) -> None:
    with kmgb(town, "--host", "0.0.0.0", "--achter-gateway") as running:
        with client(f"http://127.0.0.1:{running.port}") as caller:
            assert caller.post(PATH, content=dump(3)).status_code == 201
        assert running.stop() == 0


def test_ipv6(town: Path) -> None:
    with kmgb(town, "--host", "::1") as running, client(running.address) as caller:
        assert running.address.startswith("http://[::1]:")
        assert caller.post(PATH, content=dump(3)).status_code == 201


def test_a_port_in_use_is_told(town: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = refused(town, "--poort", str(taken.getsockname()[1]))
    assert "al in gebruik" in told and "--poort" in told


def test_an_address_that_is_not_ours_is_told(town: Path) -> None:
    assert "geen adres van deze machine" in refused(town, "--host", "192.0.2.1", "--achter-gateway")
    assert "geen adres van deze machine" in refused(town, "--host", "bestaat.invalid", "--achter-gateway")


def test_certificates_that_do_not_fit_are_told(town: Path, issuer: trustme.CA) -> None:
    one, other = (Issued(town.parent, issuer, name) for name in ("een", "twee"))
    assert "allebei" in refused(town, "--certificaat", str(one.pem))
    assert "allebei" in refused(town, "--vertrouwd", str(one.pem))
    fitting = ("--certificaat", str(one.pem), "--sleutel", str(one.key))
    assert "hoort bij de sleutel" in refused(town, *fitting[:3], str(other.key))
    assert "hoort bij de sleutel" in refused(town, *fitting[:3], str(town.parent / "weg.key"))
    assert "uitgevers" in refused(town, *fitting, "--vertrouwd", str(town))
    closed = town.parent / "dicht.key"
    key = load_pem_private_key(one.key.read_bytes(), None)
    closed.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"wachtwoord-4711"))
    )
    assert "heeft een wachtwoord" in refused(town, *fitting[:3], str(closed))
    assert x509.load_pem_x509_certificate(one.text.encode()).subject


def test_a_secret_that_is_missing_or_short_is_told_at_the_start(town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMGB_GEHEIM_SOCIAAL_PUSH", "kort")
    told = refused(town)
    assert "korter dan 24 tekens" in told and "openssl rand" in told and "kort." not in told
    monkeypatch.delenv("KMGB_GEHEIM_SOCIAAL_PUSH")
    assert "'sociaal-push' ontbreekt" in refused(town)


def test_a_missing_extra_is_told() -> None:
    with pytest.raises(KmgbError, match=r"Voor kmgb serve is bestaat_niet_hier nodig.*pip install 'kmgb\[web\]'"):
        library("bestaat_niet_hier")
    with pytest.raises(ModuleNotFoundError):
        library("kmgb.web.bestaat_niet")


def test_the_command_line_needs_no_web_framework() -> None:
    script = "import sys; import kmgb.cli.main; sys.exit(any(name in sys.modules for name in ('fastapi', 'uvicorn')))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_proxies_are_a_list_of_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMGB_PROXIES", "10.0.0.5, 10.1.0.0/16")
    assert [str(proxy) for proxy in load_settings(make_town(tmp_path)).proxies] == ["10.0.0.5/32", "10.1.0.0/16"]
    monkeypatch.setenv("KMGB_PROXIES", "de-gateway")
    with pytest.raises(SettingsError, match="is geen IP-adres"):
        load_settings(tmp_path / "kmgb.toml")


def test_certificates_that_nobody_checks_are_told(tmp_path: Path) -> None:
    with kmgb(make_town(tmp_path, door=f'certificaat = "{"0" * 64}"')) as running:
        assert "certificaat van sociaal" in running.log.read_text() and "--vertrouwd" in running.log.read_text()
