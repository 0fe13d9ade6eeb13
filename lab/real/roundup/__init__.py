"""The real Roundup 2.6, served by a small WSGI process because roundup-server refuses to run as root."""
