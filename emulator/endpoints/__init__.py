"""What each visitor sees. An endpoint package reads, calls the engine, and renders; none imports another."""
