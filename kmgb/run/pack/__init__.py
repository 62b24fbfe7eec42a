"""The evidence pack made from a municipality's history, and proven to be whole."""
