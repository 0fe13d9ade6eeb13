"""The check: each step fails by itself, with the fix, and what cannot be proven is said."""

from __future__ import annotations

from connectors.kit.contract import CheckReport, Step
from connectors.zabbix.push import install
from lab.standins.zabbix import Zabbix as StandIn
from tests.connectors.zabbix.plant import HOT, connector, plant


def steps(report: CheckReport) -> dict[str, Step]:
    """Return a report's steps by name."""
    return {step.name: step for step in report.steps}


def test_a_token_without_a_name_is_warned_about() -> None:
    """With a token alone our own changes cannot be told from others'; the check names the user to put down."""
    with StandIn().demo() as standin:
        token = standin.rpc.api_token("gateway")
        unnamed, named = connector(standin.url, api_token=token), connector(standin.url, api_token=token, username="gateway")
        warned, quiet = steps(unnamed.check()), steps(named.check())
        unnamed.close()
        named.close()

    assert "Set username to gateway" in warned["setting:username"].fix
    assert "setting:username" not in quiet


def test_a_user_who_sees_no_host_is_told_so() -> None:
    """Without read permission Zabbix shows empty lists and no error; the check does not call that a success."""
    with plant() as (standin, made):
        standin.world.users["gateway"].sees = False
        report = made.check()

    assert not report.ok
    assert "Permissions" in steps(report)["permission:host.get"].fix


def test_a_role_without_the_rules_fails_the_check() -> None:
    """The role's rules are read, not tried: what is missing is named before the first alert needs it."""
    with plant() as (standin, made):
        standin.world.actions_allowed["close_problems"] = False
        step = steps(made.check())["permission:event.acknowledge"]

    assert (step.ok, step.needed) == (False, True)
    assert "Close problems" in step.fix


def test_what_a_zabbix_does_not_tell_is_not_claimed() -> None:
    """5.0 has no roles: the step says that nothing is proven, and does not stop anybody."""
    with plant("5.0.40") as (standin, made):
        del standin.rpc._methods["role.get"]
        report = made.check()

    step = steps(report)["permission:event.acknowledge"]
    assert report.ok
    assert (step.ok, step.needed) == (False, False)
    assert step.detail.startswith("Not proven")


def test_read_only_rights_are_seen_by_counting() -> None:
    """Whether closes will be allowed is seen from the triggers that are writable for us; nothing is written to find out."""
    with plant() as (standin, made):
        standin.world.users["gateway"].writes = False
        step = steps(made.check())["permission:close"]
        assert not [method for method, _ in standin.rpc.calls if method == "event.acknowledge"]

    assert (step.ok, step.needed) == (False, False)
    assert step.detail.startswith("0 triggers are writable")


def test_the_sample_is_a_whole_read() -> None:
    """The sample goes the whole way: polled, stored form, parsed; its name is shown."""
    with plant() as (standin, made):
        standin.world.raise_problem(HOT)
        step = steps(made.check())["sample:problems"]

    assert "液压机 07" in step.detail


def test_clocks_that_differ_are_told() -> None:
    """Ages are computed from two clocks; when Zabbix' web server is minutes away, the check says by how much."""
    with StandIn().demo() as standin:
        made = connector(standin.url)
        now = made.clock.now()

        class Late:
            def now(self) -> int:
                return now + 300_000_000

        made.clock = Late()
        step = steps(made.check())["clock"]
        made.close()

    assert (step.ok, step.needed) == (False, False)
    assert "-300 s" in step.detail or "-299 s" in step.detail or "-301 s" in step.detail


def test_the_push_is_looked_for() -> None:
    """Whether our media type is there, enabled and given to somebody is said; that an action uses it is not claimed."""
    with plant() as (standin, made):
        before = steps(made.check())["setting:push"]
        admin = connector(standin.url, username="Admin", password="zabbix")
        install(admin.call, "http://tieline.test/in/zabbix-east", "s3cret", "1")
        after = steps(made.check())["setting:push"]
        admin.close()

    assert not before.ok
    assert "connectors.zabbix.push" in before.fix
    assert after.ok
    assert "Not proven" in after.detail
