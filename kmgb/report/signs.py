"""Characters that cannot be seen, or that turn the text around them, as signs that can."""

from __future__ import annotations


def visible(text: str) -> str:
    """The text with every character that cannot be seen, or that turns the text around it, shown as a sign."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _sign(character) for character in text)


def _sign(character: str) -> str:
    code = ord(character)
    return chr(0x2400 + code) if code < 0x20 else f"[U+{code:04X}]"
