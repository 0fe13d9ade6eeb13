"""The prometheus connector: reads alerts, targets and figures; it never writes, because there is nothing to write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from connectors.kit.answers import Response, UnreadableAnswerError
from connectors.kit.changes import changes
from connectors.kit.contract import CheckReport, Connector, Kind
from connectors.prometheus.kind import PROMETHEUS, PrometheusSettings
from connectors.prometheus.parse import POLLED, alert_id, read_page, target_id
from connectors.prometheus.promql import number, selector, span
from core.clock import SECOND, Clock
from core.errors import InputError, RefusedError
from core.jsons import canonical
from core.words import Delivery, Found, Json, Page, Record

MOST_SERIES = 50
_VOLATILE = ("lastScrape", "lastScrapeDuration")


class Prometheus(Connector):
    """One registered Prometheus. Threads share the pool."""

    kind: ClassVar[Kind] = PROMETHEUS

    def __init__(self, name: str, settings: PrometheusSettings, *, clock: Clock | None = None) -> None:
        super().__init__(name, settings, clock=clock)
        self._client = settings.client("Prometheus")

    def check(self) -> CheckReport:
        """Only read: that it is up, that our credentials reach the query path, and a sample of each stream."""
        report = CheckReport()
        if not report.run("reachable", self._reach) or not report.run("credentials", self._query_path):
            return report
        report.run("version", self._version, needed=False)
        report.run("sample:alerts", lambda: f"{len(self._alerts())} alerts are pending or firing.")
        report.run("sample:targets", self._sample_targets)
        return report

    @classmethod
    def parse(cls, delivery: Delivery, settings: Any) -> list[Record]:
        """Read a polled page."""
        del settings
        return read_page(delivery.body)

    def poll(self, stream: str, cursor: Json, limit: int = 500) -> Page:
        """Read what changed in the alerts or targets since the cursor, and what is gone."""
        self.kind.stream(stream)
        if stream == "alerts":
            shown = {alert_id(one["labels"], one["activeAt"]): one for one in self._alerts()}
            counts = {name: {**one, "value": None} for name, one in shown.items()}  # a moving value is no new state
            keep: dict[str, Json] = {
                name: {"labels": one["labels"], "active_at": one["activeAt"]} for name, one in shown.items()
            }
        else:
            shown = {target_id(one): one for one in self._targets()}
            counts = {name: {key: at for key, at in one.items() if key not in _VOLATILE} for name, one in shown.items()}
            keep = {name: _remembered(one) for name, one in shown.items()}
        found = changes(counts, cursor, limit, keep=keep)
        body = canonical({POLLED: stream, "shown": [shown[name] for name in found.fresh], "gone": found.gone})
        return Page(body, found.cursor, more=found.more, count=len(found.fresh) + len(found.gone))

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        """Ask one figure within the time given; Prometheus itself gives up then as well."""
        self.kind.lookup(name)
        if name == "value":
            return self._value(inputs.get("query"), timeout_s)
        return self._mean(inputs, timeout_s)

    def close(self) -> None:
        """Give the sockets back."""
        self._client.close()

    def _value(self, query: Json, timeout_s: float) -> Found:
        if not isinstance(query, str) or not query.strip():
            raise InputError("There is no query.", why="The lookup needs a PromQL expression.", fix="Give query.")
        result, at = self._query(query, timeout_s)
        series = [{"labels": labels, "value": value} for labels, value in result[:MOST_SERIES]]
        first = result[0][1] if result else None
        values: dict[str, Json] = {"value": first, "count": len(result), "series": series}
        return Found(values, at or self.clock.now(), f"prometheus {query}", absent=not result)

    def _mean(self, inputs: Mapping[str, Json], timeout_s: float) -> Found:
        """Ask the four figures in one expression, so that they rest on the same samples."""
        over = f"{selector(inputs.get('metric'), inputs.get('labels'))}[{span(inputs.get('hours'))}]"
        parts = {
            "mean": f"sum(sum_over_time({over})) / sum(count_over_time({over}))",
            "lowest": f"min(min_over_time({over}))",
            "highest": f"max(max_over_time({over}))",
            "samples": f"sum(count_over_time({over}))",
        }
        query = " or ".join(f'label_replace({part}, "figure", "{figure}", "", "")' for figure, part in parts.items())
        result, at = self._query(query, timeout_s)
        figures = {labels["figure"]: value for labels, value in result}
        samples = figures.get("samples")
        values: dict[str, Json] = {**figures, "samples": int(samples)} if samples else {}
        return Found(values, at or self.clock.now(), f"prometheus mean of {over}", absent=not samples)

    def _query(self, query: str, timeout_s: float) -> tuple[list[tuple[dict[str, str], float | None]], int | None]:
        """Return series as (labels, value) and the time they were evaluated for."""
        wait = min(timeout_s, self.settings.timeout_s)
        answer = self._client.post("api/v1/query", form={"query": query, "timeout": f"{max(wait, 0.01):.3f}"}, timeout_s=wait)
        found = self._answered(answer)
        kind, result = found.get("resultType"), found.get("result") or []
        if kind in ("scalar", "string"):
            result = [{"metric": {}, "value": result}]
        elif kind != "vector":
            raise RefusedError(
                "The query gives no single moment.",
                why=f"Its result is a {kind}: a range of times.",
                fix="Take a function over the range, for example avg_over_time(…).",
            )
        try:
            series = [(dict(one["metric"]), number(one["value"][1])) for one in result]
            at = round(result[0]["value"][0] * SECOND) if result else None
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise _strange(answer, f"{type(error).__name__}: {error}") from error
        return series, at

    def _alerts(self) -> list[dict[str, Any]]:
        return self._listed("api/v1/alerts", "alerts", ("labels", "activeAt"))

    def _targets(self) -> list[dict[str, Any]]:
        return self._listed("api/v1/targets?state=active", "activeTargets", ("labels", "scrapeUrl"))

    def _listed(self, path: str, name: str, needed: tuple[str, ...]) -> list[dict[str, Any]]:
        answer = self._client.get(path)
        found = self._answered(answer).get(name)
        if not isinstance(found, list) or not all(isinstance(one, dict) and all(key in one for key in needed) for one in found):
            raise _strange(answer, f"{name} is not a list of what it should hold.")
        return found

    def _answered(self, answer: Response) -> dict[str, Any]:
        content = answer.json()
        if not isinstance(content, dict) or content.get("status") != "success" or not isinstance(content.get("data"), dict):
            said = content.get("error") if isinstance(content, dict) else None
            raise _strange(answer, f"It said: {self._client.redact(str(said))}" if said else "It holds no data.")
        return dict(content["data"])

    def _reach(self) -> str:
        answer = self._client.get("-/ready", accept=(401, 403, 404))  # a proxy may hide it
        return f"Something answers at {self._client.origin} (readiness: {answer.status})."

    def _query_path(self) -> str:
        self._query("vector(1)", self.settings.timeout_s)
        return "A query of ours was answered."

    def _version(self) -> str:
        return f"Prometheus {self._answered(self._client.get('api/v1/status/buildinfo')).get('version')}."

    def _sample_targets(self) -> str:
        found = self._targets()
        down = sum(1 for one in found if one.get("health") != "up")
        return f"{len(found)} targets, {down} of them not up."


def _remembered(one: dict[str, Any]) -> dict[str, Json]:
    labels = one["labels"]
    return {
        "job": str(labels.get("job") or ""),
        "instance": str(labels.get("instance") or ""),
        "labels": labels,
        "url": one["scrapeUrl"],
    }


def _strange(answer: Response, why: str) -> UnreadableAnswerError:
    return UnreadableAnswerError(
        f"Prometheus answered {answer.place} in a form we do not know.",
        why=why,
        fix="It is tried again; if it stays, see whether url really leads to a Prometheus.",
    )
