"""The kind smtp: mail to people, through anybody's mail server."""
