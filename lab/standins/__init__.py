"""Stand-ins: small servers that speak the real protocol of a system, for tests and for the demo landscape."""
