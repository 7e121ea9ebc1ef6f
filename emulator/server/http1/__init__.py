"""The HTTP/1.1 connection: a state machine without I/O, and the asyncio protocol around it."""
