"""The kind zabbix: problems in, acknowledgements and closes out."""
