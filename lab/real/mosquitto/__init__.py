"""Mosquitto with passwords, an access list and TLS."""
