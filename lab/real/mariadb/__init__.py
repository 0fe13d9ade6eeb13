"""MariaDB 10.11 of its own."""
