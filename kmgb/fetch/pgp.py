"""OpenPGP: what a supplier encrypted for us, and signed, by Sequoia (pysequoia). The plain file is whole or absent."""

from __future__ import annotations

import errno
import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kmgb.errors import SourceError
from kmgb.fetch.secrets import check_private, secret
from kmgb.mapping.bronnen.overdracht import Overdracht

ENCRYPTED = (".pgp", ".gpg")
_ROOM = 2**20


def is_encrypted(name: str) -> bool:
    """True for the name of an OpenPGP file."""
    return name.lower().endswith(ENCRYPTED)


def plain_name(name: str) -> str:
    """The name of what is inside."""
    return name.rpartition(".")[0] if is_encrypted(name) else name


def decrypted(path: Path, name: str, bron: Overdracht, secrets: Path | None) -> Path:
    """A file beside `path` with the content of the OpenPGP file `name`; `path` itself is taken away, also on an error.

    With `pgp_afzender` only what that key signed is accepted. Raises: SourceError; OSError(ENOSPC) on a full disk.
    """
    plain = path.with_name(f"{path.name}-open")
    try:
        _decrypt(path, plain, name, bron, secrets)
    except BaseException:
        plain.unlink(missing_ok=True)
        raise
    finally:
        path.unlink()
    return plain


def _decrypt(path: Path, plain: Path, name: str, bron: Overdracht, secrets: Path | None) -> None:
    if bron.pgp_sleutel is None:
        raise SourceError(f"{name}: versleuteld met OpenPGP. Zet met 'pgp_sleutel' onze privésleutel in de bron.")
    if find_spec("pysequoia") is None:
        raise SourceError(f"{name}: OpenPGP vraagt het pakket pysequoia. Doe: pip install 'kmgb[pgp]'")
    import pysequoia  # noqa: PLC0415 (an extra)

    decryptor, signers = _private_key(bron, secrets), _signers(bron)
    if shutil.disk_usage(plain.parent).free < path.stat().st_size:
        raise OSError(errno.ENOSPC, "")
    os.close(os.open(plain, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))  # only we may read it, from the first byte
    try:
        pysequoia.decrypt_file(path, plain, decryptor, (lambda ids: signers) if signers else None)
    except (OSError, RuntimeError) as error:  # it gives no codes, and words with a stack in them
        if shutil.disk_usage(plain.parent).free < _ROOM:
            raise OSError(errno.ENOSPC, "") from None
        raise SourceError(f"{name}: {_meaning(str(error), bron)}") from None


def _meaning(said: str, bron: Overdracht) -> str:
    if "No key to decrypt" in said:
        return f"niet voor de sleutel {bron.pgp_sleutel} versleuteld. Geef de leverancier de publieke sleutel daarvan."
    if "no valid signatures" in said:
        return f"niet ondertekend met {bron.pgp_afzender}. Vraag de leverancier ernaar; gebruik het bestand niet."
    if "Unexpected message structure" in said:  # pysequoia 0.1.35 does not look for a signature below a compression
        what = f"of het met {bron.pgp_afzender} is ondertekend, is niet na te gaan, want het is ook gecomprimeerd."
        return f"{what} Vraag de leverancier OpenPGP zonder compressie te gebruiken (gpg: --compress-algo none)."
    return "beschadigd, afgebroken of geen OpenPGP-bestand. Vraag de leverancier om een nieuwe aanlevering."


def _private_key(bron: Overdracht, secrets: Path | None) -> Any:
    import pysequoia  # noqa: PLC0415

    path = bron.pgp_sleutel or Path()
    phrase = secret(bron.pgp_wachtwoord, secrets).get_secret_value() if bron.pgp_wachtwoord else None
    try:
        check_private(path)
        return pysequoia.Tsk.from_bytes(path.read_bytes()).decryptor(phrase)
    except (OSError, RuntimeError):
        hint = "Controleer 'pgp_sleutel' en het geheim van 'pgp_wachtwoord'."
        raise SourceError(f"{path}: geen OpenPGP-privésleutel die met dit geheim opengaat. {hint}") from None


def _signers(bron: Overdracht) -> list[Any]:
    import pysequoia  # noqa: PLC0415

    if bron.pgp_afzender is None:
        return []
    try:
        return pysequoia.Cert.split_bytes(bron.pgp_afzender.read_bytes())
    except (OSError, RuntimeError):
        what = "geen leesbare publieke OpenPGP-sleutel. Controleer 'pgp_afzender'."
        raise SourceError(f"{bron.pgp_afzender}: {what}") from None
