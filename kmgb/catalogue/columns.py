"""Names of the technical columns that travel beside the fields; no catalogue field holds two underscores."""

from __future__ import annotations

from typing import Final

ROW: Final = "__rij"  # UInt32, record number in the aanlevering, from 1
FAULT: Final = "__fout"  # String, why the record could not be read whole; null when it could
RAW: Final = "__raw"  # suffix: the text as delivered
REASON: Final = "__reden"  # String, why a row could not take part in the comparison
UNREADABLE: Final = "__onleesbaar"  # suffix: delivered, but not to be read as the field's type
HELPER: Final = "hulp."  # prefix: a column of the application that is no catalogue field
