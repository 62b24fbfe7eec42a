"""Throw-away file servers on free ports: OpenSSH, an asyncssh server with a password, pyftpdlib with TLS, vsftpd."""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

USER, PASSWORD = "kmgb", "Geheim-4711"


def needed(program: str) -> str:
    """Where the program is. Absent, the test is skipped aloud, or fails when KMGB_REQUIRE_SERVERS is 1."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        reason = f"{program} is not installed: apt-get install openssh-server vsftpd curl"
        if os.environ.get("KMGB_REQUIRE_SERVERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server process with everything it forks. It can be killed, frozen and started again on the same port."""

    def __init__(self, command: list[str], port: int) -> None:
        self.command, self.port = command, port
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.command[0]} stopped at once")
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
                return
            time.sleep(0.02)
        raise TimeoutError(self.command[0])

    def signal(self, number: int) -> None:
        for pid in [*_children(self.process.pid), self.process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
            self.process.wait(10)


def _children(parent: int) -> list[int]:
    """Everything that descends from a process, deepest first: a session of sshd is a process group of its own."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    direct = [pid for pid, owner in parents.items() if owner == parent]
    return [deeper for pid in direct for deeper in [*_children(pid), pid]]


class Sshd(Server):
    """OpenSSH with one user key; `known` is the line of its host key."""

    user = getpass.getuser()

    def __init__(self, folder: Path, extra: str = "") -> None:
        sshd = needed("sshd")
        for name in ("host", "user"):
            if not (folder / name).exists():
                make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
                subprocess.run(make, check=True)
        shutil.copy(folder / "user.pub", folder / "auth")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        port = free_port()
        config = folder / "sshd_config"
        config.write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/auth\n"
            f"PidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\nPasswordAuthentication yes\n"
            f"Subsystem sftp internal-sftp\n{extra}"
        )
        self.key = folder / "user"
        self.known = f"[localhost]:{port} {(folder / 'host.pub').read_text().rsplit(' ', 1)[0]}"
        super().__init__([sshd, "-D", "-e", "-f", str(config)], port)


class Ftpd(Server):
    """pyftpdlib that speaks only TLS, in a process of its own."""

    def __init__(self, folder: Path, certificate: Path, mode: str = "explicit") -> None:
        port = free_port()
        super().__init__([sys.executable, __file__, str(port), str(folder), str(certificate), mode], port)


class Vsftpd(Server):
    """vsftpd that demands that the data channel uses the TLS session of the control channel; it knows no MLSD."""

    def __init__(self, folder: Path, home: Path, certificate: Path) -> None:
        program, port = needed("vsftpd"), free_port()
        config = folder / "vsftpd.conf"
        secure = "ssl_enable force_anon_logins_ssl force_anon_data_ssl allow_anon_ssl require_ssl_reuse"
        allowed = "anonymous_enable anon_upload_enable anon_mkdir_write_enable anon_other_write_enable write_enable"
        switches = "".join(f"{name}=YES\n" for name in f"{secure} {allowed} listen".split())
        (folder / "empty").mkdir(exist_ok=True)
        config.write_text(
            f"{switches}background=NO\nlisten_port={port}\nlisten_address=127.0.0.1\nanon_root={home}\n"
            f"ftp_username=daemon\nnopriv_user=nobody\nsecure_chroot_dir={folder / 'empty'}\nseccomp_sandbox=NO\n"
            f"rsa_cert_file={certificate}\nrsa_private_key_file={certificate}\nanon_world_readable_only=NO\n"
        )
        super().__init__([program, str(config)], port)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def password_sftp(folder: Path) -> Iterator[tuple[int, str]]:
    """An asyncssh server that lets USER in with PASSWORD; its port and the line of its host key."""
    import asyncssh

    class Door(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

    key = asyncssh.generate_private_key("ssh-ed25519")
    loop = asyncio.new_event_loop()

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Door,
            server_host_keys=[key],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(folder).encode()),
        )

    async def leave() -> None:
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.05)

    server = loop.run_until_complete(listen())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        port = server.get_port()
        yield port, f"[localhost]:{port} {key.export_public_key().decode().strip()}"
    finally:
        asyncio.run_coroutine_threadsafe(leave(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _serve_ftps(port: str, folder: str, certificate: str, mode: str) -> None:
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import TLS_FTPHandler
    from pyftpdlib.servers import FTPServer

    class Handler(TLS_FTPHandler):  # type: ignore[misc]
        tls_control_required = tls_data_required = True
        certfile = certificate
        authorizer = DummyAuthorizer()
        banner = "wegwerpserver"
        auth_failed_timeout = 0.1

    class Implicit(Handler):
        def handle(self) -> None:
            self.secure_connection(self.ssl_context)

        def handle_ssl_established(self) -> None:
            TLS_FTPHandler.handle(self)

    Handler.authorizer.add_user(USER, PASSWORD, folder, perm="elradfmwMT")
    FTPServer(("127.0.0.1", int(port)), Implicit if mode == "implicit" else Handler).serve_forever()


if __name__ == "__main__":
    _serve_ftps(*sys.argv[1:])
