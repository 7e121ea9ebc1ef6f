"""Sockets, HTTP, TLS, the proxy, server start and stop."""
