"""The Voice SDK client of a simulated end user: calls, signalling, access tokens."""
