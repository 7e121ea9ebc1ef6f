"""What goes wrong on purpose: the kinds, the rules that choose them, and magic SIDs."""
