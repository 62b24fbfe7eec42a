"""The web door: what others send us and ask us over HTTP. `serve` starts it; the rest needs the extra `web`."""
