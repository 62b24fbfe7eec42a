"""Coming from i-Spiegel, the open-source predecessor: its tables become mappings, and a list of what has no place."""
