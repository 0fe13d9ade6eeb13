"""
The real systems of the lab: Zabbix 6.0, Roundup and Tryton, started and stopped by ``python -m lab.real``.

Everything mutable lives in one folder (``lab/real/state``), everything listens on loopback, every port can be
moved, and ``down`` leaves no process behind. Servers that were running before are never touched.
"""
