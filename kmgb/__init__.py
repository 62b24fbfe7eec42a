"""kmgb: consistency checking of Dutch base-register data."""

__version__ = "0.1.0"
