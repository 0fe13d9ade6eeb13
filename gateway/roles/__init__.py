"""The processes of one Tieline: ``python -m gateway.roles.web``, ``.worker``, ``.beat``, or forked by the supervisor."""
