"""Calls of Voice SDK clients: legs, connections and messages."""
