"""The real Zabbix 6.0 of Debian 12, on a PostgreSQL cluster of its own."""
