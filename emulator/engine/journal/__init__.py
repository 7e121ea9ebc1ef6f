"""What was received and answered: exchanges, how they are found, and who waits for them."""
