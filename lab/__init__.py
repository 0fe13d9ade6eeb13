"""The lab: real systems and stand-ins that Tieline is run against. Never imported by Tieline itself."""
