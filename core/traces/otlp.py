"""
Spans on their way to a collector: OpenTelemetry's own exporter, batching, sampling and resource.

This module is loaded only when traces are on. Everything that OpenTelemetry lets people set by OTEL_… variables (the
collector's address, headers, certificates, compression, sampler, batch, resource) is read by its own code. What is told
is made and sent in one thread; when the collector cannot keep up, what is new is left out and counted: work goes first.
"""

from __future__ import annotations

import atexit
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags, set_span_in_context
from opentelemetry.trace import SpanKind as Kind
from opentelemetry.trace import get_current_span as span_in
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from core.traces.spans import Place, Span, SpanKind, span_of, trace_of

log = logging.getLogger("tieline.traces")

WAITING = 256
"""Batches of work that may wait to be told; beyond that they are left out."""
FLUSH_EVERY = 256
"""Spans after which they are sent: encoding them takes about as long as one thread keeps the interpreter anyway."""
CLOSE_S = 5.0
OTLP = "otlp"
"""The setting that leaves the collector's address to the OTEL_… variables."""

_KINDS = {one: Kind[one.name] for one in SpanKind}
_SCOPE = InstrumentationScope("tieline")
_OK, _FAILED = Status(StatusCode.UNSET), StatusCode.ERROR
_Told = Callable[[], Iterable[Span]]


class _Resource(Resource):
    """What tells spans, hashed once: the encoder asks for it with every span, and each time it would be written as JSON."""

    def __init__(self, found: Resource) -> None:
        super().__init__(found.attributes, found.schema_url)
        self._hash = super().__hash__()

    def __hash__(self) -> int:
        return self._hash


class Otlp:
    """Sends spans over OTLP/HTTP. One per process; ``pause`` lets what is more urgent in this process go first."""

    def __init__(self, where: str, *, instance: str, pause: Callable[[], object] = lambda: None) -> None:
        known = Resource({"service.name": "tieline", "service.instance.id": instance, "process.pid": os.getpid()})
        provider = TracerProvider(
            resource=Resource.create().merge(known).merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._resource, self._sampler = _Resource(provider.resource), provider.sampler
        self._spans = BatchSpanProcessor(OTLPSpanExporter(None if where == OTLP else f"{where.rstrip('/')}/v1/traces"))
        self._pause, self._unsent = pause, 0
        self._queue: queue.Queue[_Told | None] = queue.Queue(WAITING)
        self.left_out = 0
        """How many batches of work were not told."""
        self._thread = threading.Thread(target=self._tell_on, name="traces", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def root(self, receipt: str, run: int, traceparent: str | None) -> tuple[Place, Place | None]:
        """Continue the sender's trace if it named one; a replay begins a new one. The sampler decides what is recorded."""
        parent = None if run or traceparent is None else _read(traceparent)
        trace = trace_of(receipt, run) if parent is None else parent.trace
        context = None if parent is None else set_span_in_context(NonRecordingSpan(_context(parent, is_remote=True)))
        sampled = self._sampler.should_sample(context, trace, "delivery").decision is Decision.RECORD_AND_SAMPLE
        return Place(trace, span_of(receipt, run), sampled), parent

    def later(self, tell: _Told) -> None:
        """Have it told; when too much waits already, count it as left out."""
        try:
            self._queue.put_nowait(tell)
        except queue.Full:
            if self.left_out % WAITING == 0:
                log.warning("The collector does not keep up: traces have gaps from here on.")
            self.left_out += 1

    def close(self) -> None:
        """Tell and send what waits; who stops waits for that a few seconds, whatever the collector does."""
        atexit.unregister(self.close)
        until = time.monotonic() + CLOSE_S
        try:
            self._queue.put(None, timeout=CLOSE_S)
        except queue.Full:
            return
        self._thread.join(max(0.0, until - time.monotonic()))

    def _tell_on(self) -> None:
        while (tell := self._queue.get()) is not None:
            self._pause()
            try:
                self._send(tell())
            except Exception:  # a trace is never worth a worker
                log.exception("A trace could not be told.")
        self._spans.shutdown()  # type: ignore[no-untyped-call] # it has no types

    def _send(self, spans: Iterable[Span]) -> None:
        for span in spans:
            self._spans.on_end(self._readable(span))
            self._unsent += 1
            if self._unsent >= FLUSH_EVERY:  # in this thread, so that a slow collector fills our queue and not memory
                self._unsent = 0
                self._pause()
                self._spans.force_flush()

    def _readable(self, span: Span) -> ReadableSpan:
        return ReadableSpan(
            span.name,
            context=_context(span.place),
            parent=None if span.parent is None else _context(span.parent, is_remote=span.kind is SpanKind.SERVER),
            resource=self._resource,
            attributes=span.about,
            links=() if span.origin is None else (Link(_context(span.origin)),),
            kind=_KINDS[span.kind],
            status=_OK if span.error is None else Status(_FAILED, span.error),
            start_time=span.began * 1000,
            end_time=max(span.began, span.ended) * 1000,
            instrumentation_scope=_SCOPE,
        )


def make(where: str, *, instance: str, pause: Callable[[], object] = lambda: None) -> Otlp | None:
    """Return where spans go, or None if the environment switches all of OpenTelemetry off."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    return Otlp(where, instance=instance, pause=pause)


def _context(place: Place, *, is_remote: bool = False) -> SpanContext:
    return SpanContext(place.trace, place.span, is_remote, TraceFlags(TraceFlags.SAMPLED if place.sampled else 0))


def _read(traceparent: str) -> Place | None:
    """Return the place that a header names; None when it names none, as W3C asks for."""
    found = span_in(TraceContextTextMapPropagator().extract({"traceparent": traceparent})).get_span_context()
    return Place(found.trace_id, found.span_id, found.trace_flags.sampled) if found.is_valid else None
