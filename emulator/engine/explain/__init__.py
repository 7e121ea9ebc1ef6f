"""Why a wait failed, and what a retry shows."""
