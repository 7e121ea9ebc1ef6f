"""Twilio's own host names."""

DOMAIN = "twilio.com"


def is_twilio(host: str) -> bool:
    """Whether a host name is Twilio's; edges and regions put any number of labels before it."""
    name = host.lower().rstrip(".")
    return name == DOMAIN or name.endswith("." + DOMAIN)
