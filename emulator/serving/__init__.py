"""Serving: sockets, HTTP, TLS, the proxy, stopping. The only room that knows uvicorn."""
