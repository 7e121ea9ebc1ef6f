"""Fault injection: kinds of faults, the rules that choose them, and magic SIDs."""
