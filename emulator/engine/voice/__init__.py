"""Calls of Voice SDK clients: their legs, connections and messages."""
