"""The HTTP and WebSocket interfaces. A package parses requests, calls the engine and renders responses."""
