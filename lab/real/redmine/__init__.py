"""Redmine 5.0 with one project, the fields Tieline needs, its plug-in, and two people."""
