"""
The real systems of the lab, started and stopped by ``python -m lab.real``: Zabbix, Roundup and Tryton for the stories;
Prometheus with Alertmanager, Mosquitto, Redmine and MariaDB only when they are named.

Everything mutable lives in one folder (``lab/real/state``), everything listens on loopback, every port can be
moved, and ``down`` leaves no process behind. Servers that were running before are never touched.
"""
