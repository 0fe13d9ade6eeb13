"""Nothing of a machine, a registry or a working session is in the checkout."""

from __future__ import annotations

import re

import pytest

from tests.house.imports import ROOT
from tests.house.tree import files, name, text_files

TEXT = (".py", ".md", ".toml", ".yaml", ".yml", ".in", ".lock", ".sh", ".html", ".css", ".js", ".svg", ".json", ".txt", "")

FOREIGN = {
    "a path of one machine": re.compile(r"(?<![\w.])/(?:work|home/\w+)/"),
    "the address of a package registry": re.compile(
        r"https?://(?:[a-z0-9-]+\.)*(?:" + "|".join(["pypi", "python" + "hosted", "npm" + "js"]) + r")\.[a-z]+", re.I
    ),
    "a word about how this was written": re.compile(
        r"\b(?:" + "|".join(["chat" + "gpt", "claude", "copilot", "sub-?" + "agents?", "language " + "model session"]) + r")\b",
        re.I,
    ),
    "a conflict mark": re.compile(r"^(?:<{7}|>{7}) ", re.M),
}


def faults(text: str) -> list[str]:
    """Return what of the list above a text contains."""
    return [f"{what}: {match.group(0)!r}" for what, pattern in FOREIGN.items() if (match := pattern.search(text))]


def test_the_checkout_names_no_machine_registry_or_session() -> None:
    """No tracked text holds a machine's path, a registry's address, a note about a tool, or a conflict mark."""
    found = {}
    for path in text_files(*TEXT):
        text = path.read_text(errors="replace")
        if path.name != "test_cleanliness.py" and (bad := faults(text)):
            found[name(path)] = bad
    assert not found, found


@pytest.mark.parametrize(
    "sample", ["open('/wo" + "rk/main/x')", "see https://files.python" + "hosted.org/x", "written by Claude", "<<<<<<< HEAD"]
)
def test_such_a_text_is_found(sample: str) -> None:
    """The check itself can fail."""
    assert faults(sample)


def test_paths_of_the_product_are_no_machine_paths() -> None:
    """`/api/v1/work`, `~/x` and `/var/lib` are fine."""
    assert not faults("GET /api/v1/work/1, /var/lib/tieline, a/work/b")


def test_nothing_built_or_third_party_is_committed() -> None:
    """Third-party JavaScript is installed by a lock file, wheels and databases are made, never committed."""
    built = re.compile(r"\.min\.(js|css)$|/vendor/|node_modules/|/dist/|\.(whl|db|sqlite|pyc|so)$")
    assert [name(path) for path in files() if built.search(name(path))] == []


def test_locks_have_hashes_and_no_addresses() -> None:
    """Every requirement of a lock is pinned with ==, has a hash, and says nothing about where it comes from."""
    for lock in sorted((ROOT / "requirements").glob("*.lock")):
        text = lock.read_text()
        entries = re.split(r"\n(?=\S)", text.strip())
        assert [entry for entry in entries if "==" not in entry.splitlines()[0] or "--hash=sha256:" not in entry] == []
        assert "://" not in text
        assert "--index" not in text


@pytest.mark.parametrize("which", ["runtime", "dev"])
def test_every_requirement_is_locked(which: str) -> None:
    """What a .in file names stands in its lock; `make lock` writes it."""
    folder = ROOT / "requirements"
    wanted: set[str] = set()
    sources = [f"{which}.in", *(["build.in"] if which == "runtime" else [])]
    while sources:
        for line in (folder / sources.pop()).read_text().splitlines():
            line = line.split("#")[0].strip()
            if line.startswith("-r "):
                sources.append(line[3:])
            elif line:
                wanted.add(re.split(r"[\[<>=~! ]", line)[0].lower().replace("_", "-"))
    locked = set(re.findall(r"^([a-z0-9][a-z0-9.-]*)==", (folder / f"{which}.lock").read_text(), re.M))
    assert wanted - locked == set()


def test_what_runs_is_what_was_tested() -> None:
    """Both locks pin the same version of every library they share."""
    pins = [
        dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / f"requirements/{w}.lock").read_text(), re.M))
        for w in ("runtime", "dev")
    ]
    assert {one: (pins[0][one], pins[1].get(one)) for one in pins[0] if pins[1].get(one) != pins[0][one]} == {}
