"""kmgb: consistency checking of Dutch base-register data."""

import os
from typing import Final

__version__ = "0.1.0"

# How polars' allocator keeps memory: freed pages a minute longer, in one arena a core. A run uses the same pages again
# and again, and getting each of them back from the system cost a tenth of its time. It counts for who imports kmgb
# before polars, as the command does; a setting in the environment wins. See docs/ontwerpbesluiten.md.
ALLOCATOR: Final = f"narenas:{os.cpu_count() or 1},dirty_decay_ms:60000"
os.environ.setdefault("_RJEM_MALLOC_CONF", ALLOCATOR)
