"""The inspection API under `/_emulator/`: what the author of a test sees. Idiomatic FastAPI."""
