"""
A guard for kombu: an acknowledgement that fails gives its place back all the same.

kombu 5.7's Redis transport forgets to free the prefetch slot when the acknowledgement raises, because the broker died
while tasks were in flight. When all slots are gone the worker lives on, answers pings and never hears a ring again, without
a log line (measured: over 60 s, for ever; with this guard at once).
"""

from __future__ import annotations

from typing import Any

from kombu.transport import virtual

_MARK = "frees_slot_always"


def free_slot_always() -> None:
    """Let ``QoS.ack`` and ``QoS.reject`` of the Redis transport free their slot whatever Redis says. Idempotent."""
    from kombu.transport import redis

    if getattr(redis.QoS, _MARK, False):
        return
    qos: Any = redis.QoS
    ack, reject = qos.ack, qos.reject

    def guarded_ack(self: Any, delivery_tag: str) -> None:
        try:
            ack(self, delivery_tag)
        finally:
            virtual.QoS.ack(self, delivery_tag)

    def guarded_reject(self: Any, delivery_tag: str, requeue: bool = False) -> None:
        try:
            reject(self, delivery_tag, requeue)
        finally:
            virtual.QoS.ack(self, delivery_tag)

    qos.ack, qos.reject = guarded_ack, guarded_reject
    setattr(qos, _MARK, True)
