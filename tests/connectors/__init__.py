"""Laws of the connectors."""
