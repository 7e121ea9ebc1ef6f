"""Sockets, HTTP, TLS, the proxy, start and stop."""
