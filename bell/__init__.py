"""How is a worker woken? Rings and the brokers that carry them; a ring says «look now» and holds no work."""
