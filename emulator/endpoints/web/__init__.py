"""The web page, a client of the inspection API."""
