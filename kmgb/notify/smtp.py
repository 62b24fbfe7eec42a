"""Mail by SMTP: STARTTLS or TLS from the start, the certificate always checked, and each message offered exactly once.

smtplib hands over a message and its final dot in one go. We send them apart: what broke before the dot was certainly
not taken, and what broke behind it may have been.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pydantic import SecretStr

from kmgb.errors import KmgbError, MailError, MailServerError
from kmgb.fetch.tls import certificate_fault, tls_context
from kmgb.notify.outcome import Ending, Outcome
from kmgb.settings import Mail

_LATER = "Er is niets verzonden; kmgb probeert het later opnieuw."
_DOTS = re.compile(rb"^\.", re.MULTILINE)
_CLOSING = 421


class SmtpWay:
    """An open session."""

    def __init__(self, session: smtplib.SMTP) -> None:
        self._session = session

    def send(self, content: bytes, sender: str, recipient: str) -> Outcome:
        """Offer one message to one recipient."""
        try:
            refused = self._envelope(sender, recipient)
            if refused is not None:
                return refused
            # Nothing may stand in the buffer that was the beginning of a line with a dot alone.
            self._session.send(_DOTS.sub(b"..", content))
        except (OSError, smtplib.SMTPException):
            return Outcome(Ending.NOT_NOW, "de verbinding met de mailserver viel weg", closed=True)
        try:
            self._session.send(b".\r\n")
            code, _ = self._session.getreply()
        except (OSError, smtplib.SMTPException):
            reason = "de mailserver gaf op het hele bericht geen antwoord; of hij het aannam, is niet bekend"
            return Outcome(Ending.UNKNOWN, reason, closed=True)
        return self._said(code, "het bericht")

    def _envelope(self, sender: str, recipient: str) -> Outcome | None:
        """What was refused; None when the server is ready for the message."""
        code, _ = self._session.mail(sender)
        if code != 250:
            outcome = self._said(code, "de afzender")
            # Another sender can be set, and the message is not to blame.
            return Outcome(Ending.NOT_NOW, outcome.reason, closed=outcome.closed)
        code, _ = self._session.rcpt(recipient)
        if code not in (250, 251):
            return self._said(code, "de ontvanger")
        code, _ = self._session.docmd("DATA")
        return None if code == 354 else self._said(code, "het bericht")

    def _said(self, code: int, what: str) -> Outcome:
        if code == 250:
            return Outcome(Ending.TAKEN)
        closed = code in (_CLOSING, -1)
        if not closed:
            try:
                self._session.rset()
            except (OSError, smtplib.SMTPException):
                closed = True
        if 500 <= code < 600:
            return Outcome(Ending.REFUSED, f"de mailserver weigert {what} (SMTP {code})", closed=closed)
        return Outcome(Ending.NOT_NOW, f"de mailserver neemt {what} nu niet aan (SMTP {code})", closed=closed)


@contextmanager
def open_smtp(mail: Mail, password: SecretStr | None) -> Iterator[SmtpWay]:
    """A session in which messages can be offered. Raises: MailError; MailServerError for what may pass."""
    session = _connected(mail)
    try:
        _secured(session, mail)
        _known(session, mail, password)
        yield SmtpWay(session)
    finally:
        with suppress(OSError, smtplib.SMTPException):
            session.quit()
        session.close()


def _connected(mail: Mail) -> smtplib.SMTP:
    scheme, host, port = mail.server
    try:
        if scheme == "smtps":
            return smtplib.SMTP_SSL(host, port, timeout=mail.wachttijd, context=_context(mail))
        return smtplib.SMTP(host, port, timeout=mail.wachttijd)
    except ssl.SSLError as error:
        raise _tls_fault(mail, error) from None
    except smtplib.SMTPException:
        raise MailServerError(f"{mail.smtp}: de mailserver wil nu niet met kmgb praten. {_LATER}") from None
    except OSError:
        what = "de mailserver is niet bereikbaar. Controleer 'smtp' onder [mail], en of de firewall dit toestaat."
        raise MailServerError(f"{mail.smtp}: {what} {_LATER}") from None


def _secured(session: smtplib.SMTP, mail: Mail) -> None:
    """TLS, or nothing at all: what is not encrypted is not sent."""
    try:
        session.ehlo_or_helo_if_needed()
        if not mail.tls or mail.server[0] == "smtps":
            return
        if not session.has_extn("starttls"):
            what = "de mailserver biedt geen STARTTLS, en zonder versleuteling verzendt kmgb niets."
            raise MailError(
                f"{mail.smtp}: {what} Vraag de beheerder van de mailserver om STARTTLS, of gebruik smtps://."
            )
        code, _ = session.starttls(context=_context(mail))
        if code != 220:
            raise MailServerError(f"{mail.smtp}: de mailserver begint nu niet met STARTTLS (SMTP {code}). {_LATER}")
        session.ehlo_or_helo_if_needed()  # what was said before TLS is forgotten
    except ssl.SSLError as error:
        raise _tls_fault(mail, error) from None
    except (OSError, smtplib.SMTPException):
        raise _gone(mail) from None


def _known(session: smtplib.SMTP, mail: Mail, password: SecretStr | None) -> None:
    if password is None:
        return
    try:
        session.login(mail.gebruiker, password.get_secret_value())
    except smtplib.SMTPAuthenticationError as error:
        if 400 <= error.smtp_code < 500:
            raise MailServerError(f"{mail.smtp}: aanmelden kan nu niet (SMTP {error.smtp_code}). {_LATER}") from None
        what = f"de mailserver weigert gebruiker {mail.gebruiker!r} (SMTP {error.smtp_code})."
        raise MailError(f"{mail.smtp}: {what} Controleer 'gebruiker' en het geheim {mail.geheim!r}.") from None
    except smtplib.SMTPNotSupportedError:
        what = "de mailserver laat niemand aanmelden. Haal 'gebruiker' en 'geheim' weg als dat zo hoort."
        raise MailError(f"{mail.smtp}: {what}") from None
    except UnicodeError:
        what = f"het geheim {mail.geheim!r} of 'gebruiker' bevat tekens die bij SMTP niet kunnen."
        raise MailError(f"{mail.smtp}: {what} Vraag om een wachtwoord zonder bijzondere letters.") from None
    except (OSError, smtplib.SMTPException):
        raise _gone(mail) from None


def _context(mail: Mail) -> ssl.SSLContext:
    try:
        return tls_context(mail.certificaten)
    except KmgbError as error:
        raise MailError(f"[mail] {error}") from None


def _tls_fault(mail: Mail, error: ssl.SSLError) -> MailError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return MailError(f"{mail.smtp}: {certificate_fault(error, 'smtp', '[mail]')}")
    if error.reason == "WRONG_VERSION_NUMBER":
        what = "de server spreekt op deze poort geen TLS vanaf het begin. Gebruik smtp:// (STARTTLS), of poort 465."
        return MailError(f"{mail.smtp}: {what}")
    what = "een beveiligde verbinding komt niet tot stand. Vraag de beheerder om TLS 1.2 of 1.3, en controleer 'smtp'."
    return MailError(f"{mail.smtp}: {what}")


def _gone(mail: Mail) -> MailServerError:
    return MailServerError(f"{mail.smtp}: de verbinding met de mailserver is verbroken. {_LATER}")
