"""
The W3C Reconciliation API 0.2 over the register, as OpenRefine speaks it; see docs/how-to/reconcile-with-openrefine.md.

One endpoint: without parameters its manifest, with ``queries`` candidates, with ``extend`` values. The access keys are
Tieline's own: in the header, as the parameter ``key``, or (for programs that can send neither) in the path.
"""

from gateway.reconcile.addresses import blueprint

__all__ = ["blueprint"]
