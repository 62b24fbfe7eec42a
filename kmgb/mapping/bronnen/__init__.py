"""Where the dumps of an entity come from, one module per kind of source. Secrets are only named, never written."""
