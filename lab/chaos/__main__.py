"""``python -m lab.chaos --mode embedded|redis|rabbitmq --events N --kills N``; ends with 1 when a promise was broken."""

from __future__ import annotations

import argparse
import sys

from lab.chaos.run import Plan, run


def main() -> int:
    """Run one plan and print what it gave."""
    told = argparse.ArgumentParser(prog="python -m lab.chaos", description=__doc__)
    told.add_argument("--mode", choices=("embedded", "redis", "rabbitmq"), default="embedded")
    told.add_argument("--events", type=int, default=1000)
    told.add_argument("--kills", type=int, default=20)
    told.add_argument("--seed", type=int, default=20261127)
    given = told.parse_args()
    found = run(Plan(given.mode, given.events, given.kills, given.seed))
    print(f"{given.mode}: {found.verdict.promised} promised, {found.verdict.effects} effects, {found.verdict.calls} calls")
    print(f"  killed {found.killed}; the books were looked at {found.looks} times")
    print(f"  sent in {found.sent_s:.1f} s, drained {found.drained_s:.1f} s after that")
    for fault in found.verdict.faults[:40]:
        print(f"  {fault}")
    print("  the promise was kept" if found.verdict.holds else f"  BROKEN: {len(found.verdict.faults)} faults")
    return 0 if found.verdict.holds else 1


if __name__ == "__main__":
    sys.exit(main())
