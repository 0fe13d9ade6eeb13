"""How Tieline is reached: doors for deliveries, an API for programs, pages and a command line for people."""
