"""A mail as HTML and as plain text, by the templates and in the environment of the reports."""

from __future__ import annotations

from kmgb.report.mail import MailPage
from kmgb.report.render import Renderer


class MailRenderer(Renderer):
    """`mail.html` and `mail.txt` get `mail` (MailPage), and may use what every template may.

    In `mail.txt` stands `{% autoescape false %}`: in plain text & is an ampersand.
    """

    def html(self, mail: MailPage) -> str:
        """Raises: ReportError when the template is absent or uses what does not exist."""
        return self._render("mail.html", mail=mail)

    def text(self, mail: MailPage) -> str:
        """The same without marks. Raises: ReportError."""
        return self._render("mail.txt", mail=mail)
