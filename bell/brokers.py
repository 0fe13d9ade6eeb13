"""
What Celery is told about the bell: one set of settings for the embedded bell, Redis and RabbitMQ.

Every value is argued in docs/why/one-engine.md. A broker holds rings, never work, so each setting serves two ends: a
worker that goes on hearing, and a process with rows to write that never waits for a broker.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlsplit

from kombu.entity import Exchange, Queue

from bell import folder
from core.settings import Settings

REDIS = {
    "visibility_timeout": 120,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 5,
}
"""By default kombu waits for ever on a dead connection, and gives a killed worker's rings back after an hour."""

RABBITMQ = {"confirm_publish": True, "connect_timeout": 5, "read_timeout": 10, "write_timeout": 10}
"""A ring is rung when the broker says so."""

DELIVERY_LIMIT = 20
"""How often RabbitMQ hands out a ring whose worker went away, before it becomes a dead letter there."""
LONGEST_QUEUE = 10_000
"""Rings that wait at the broker at most: with no worker there, more of them would say nothing new."""
DEAD_RINGS_MS = 86_400_000


SENDING = "tieline.deliver"
"""The task that has a queue of its own, so that one process may do nothing but send."""


def queue_of(settings: Settings, task: str) -> str:
    """Return the queue of a task's rings, before a broker's own additions to its name."""
    return f"{settings.queue}.send" if task == SENDING else settings.queue


def of(settings: Settings) -> dict[str, Any]:
    """Return Celery's settings for the bell of this Tieline."""
    scheme = urlsplit(settings.broker_url).scheme.partition("+")[0]
    made: dict[str, Any] = {
        "broker_url": settings.broker_url or "bell://",
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": 4,
        "broker_pool_acquire_timeout": 5,
        "task_publish_retry_policy": {"max_retries": 2, "interval_start": 0.1, "interval_max": 0.3},
        "task_create_missing_queues": False,
        "broker_transport_options": {},
    }
    make = _plain
    if settings.embedded:
        made["broker_transport_options"] = folder.options(settings.folder)
    elif scheme in ("redis", "rediss", "sentinel"):
        made["broker_transport_options"] = dict(REDIS)
    elif scheme in ("amqp", "amqps", "pyamqp"):
        made["broker_transport_options"] = dict(RABBITMQ)
        made["broker_heartbeat"] = 10
        made["task_default_queue_type"] = "quorum"
        make = partial(_quorum, dead=f"{settings.queue}.dead")
    looking, sending = make(settings.queue), make(queue_of(settings, SENDING))
    made["task_default_queue"] = looking.name
    made["task_queues"] = [looking, sending]
    made["task_routes"] = {SENDING: {"queue": sending.name}}
    return made


def _plain(name: str) -> Queue:
    return Queue(name, Exchange(name, "direct"), routing_key=name)


def _quorum(name: str, dead: str) -> Queue:
    """
    Return RabbitMQ's queue: replicated, bounded, and what it gives up goes to a dead-letter queue where a person can see it.

    Its name is not that of the classic queue of earlier releases, which could not be declared anew with other arguments.
    """
    rings = f"{name}.rings"
    return Queue(
        rings,
        Exchange(rings, "direct"),
        routing_key=rings,
        queue_arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-max-length": LONGEST_QUEUE,
            "x-dead-letter-exchange": dead,
            "x-dead-letter-routing-key": dead,
        },
    )


def dead_rings(settings: Settings) -> Queue | None:
    """Return the queue of rings that RabbitMQ gave up; None where the broker has no such thing."""
    if settings.embedded or not urlsplit(settings.broker_url).scheme.startswith(("amqp", "pyamqp")):
        return None
    dead = f"{settings.queue}.dead"
    arguments = {"x-queue-type": "quorum", "x-max-length": 1000, "x-message-ttl": DEAD_RINGS_MS}
    return Queue(dead, Exchange(dead, "direct"), routing_key=dead, queue_arguments=arguments)
