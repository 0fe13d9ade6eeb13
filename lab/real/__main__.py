"""``python -m lab.real up|down|status|reset|purge [zabbix|roundup|tryton …]``: the real systems, from the command line."""

from __future__ import annotations

import argparse
import fcntl
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from core.errors import TielineError
from lab.real.landscape import ON_DEMAND, SYSTEMS, Landscape


def main(arguments: list[str] | None = None) -> int:
    """Run one verb over the named systems, all at once; 0 when each of them did it."""
    parser = argparse.ArgumentParser(prog="python -m lab.real", description=__doc__)
    parser.add_argument("verb", choices=("up", "down", "status", "reset", "purge"))
    parser.add_argument(
        "systems", nargs="*", help=f"of {', '.join(SYSTEMS)} (all of them when left out) and {', '.join(ON_DEMAND)}"
    )
    given = parser.parse_args(arguments)
    unknown = [name for name in given.systems if name not in SYSTEMS | ON_DEMAND]
    if unknown:
        parser.error(f"there is no system {unknown[0]!r}; the lab has: {', '.join(SYSTEMS | ON_DEMAND)}")
    landscape = Landscape()
    names = given.systems or list(SYSTEMS)
    landscape.places.state.mkdir(parents=True, exist_ok=True)
    with (landscape.places.state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two calls at once would start everything twice
        with ThreadPoolExecutor(len(names)) as pool:
            return max(pool.map(lambda name: _run(landscape, given.verb, name), names))


def _run(landscape: Landscape, verb: str, name: str) -> int:
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {name}: {text}", flush=True)

    system = landscape.system(name)
    try:
        if verb == "up":
            system.up(say)
            say("ready")
        elif verb == "status":
            print("\n".join([name, *(f"  {what}: {text}" for what, text in system.status().items())]), flush=True)
        else:
            getattr(system, verb)()
            say({"down": "stopped", "reset": "as seeded", "purge": "stopped and removed"}[verb])
    except TielineError as error:
        print(f"{name}: {error.what}\n  why: {error.why}\n  fix: {error.fix}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
