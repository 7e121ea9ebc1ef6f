"""The control API under `/_emulator/`, for authors of tests."""
