"""The tests of Tieline, one folder per room; importable so that tests may share their own stand-ins."""
