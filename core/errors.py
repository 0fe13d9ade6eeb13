"""
Errors: the family says who moves next, the code names the case for machines.

Every error carries three sentences for people (what, why, fix). HTTP, logs, dead letters,
repairs and docs/errors.md all read the same attributes; a test walks every subclass and
demands its heading in the catalogue.
"""

from __future__ import annotations

from typing import Any, ClassVar

FAMILIES = ("transient", "input", "setup", "refused")


class TielineError(Exception):
    """
    Anything Tieline can name: what happened, why, and what to do about it.

    ``title`` and ``title_zh`` are the short names shown in lists; ``facts`` are extra
    machine-readable members (a field name, a list of known words), never secrets.
    """

    family: ClassVar[str] = "input"
    code: ClassVar[str] = "tieline"
    title: ClassVar[str] = "Something went wrong"
    title_zh: ClassVar[str] = "出错了"

    def __init__(self, what: str, *, why: str, fix: str, **facts: Any) -> None:
        super().__init__(f"{what} {why} {fix}".strip())
        self.what, self.why, self.fix, self.facts = what, why, fix, facts

    def as_dict(self) -> dict[str, Any]:
        """Return the five attributes every reader needs, plus the facts."""
        return {
            "family": self.family,
            "code": self.code,
            "what": self.what,
            "why": self.why,
            "fix": self.fix,
            **({"facts": self.facts} if self.facts else {}),
        }


class TransientError(TielineError):
    """Nobody has to move: the worker tries again by itself."""

    family, code = "transient", "transient"
    title, title_zh = "The other system did not answer in time", "对方系统暂时没有响应"

    def __init__(
        self,
        what: str,
        *,
        why: str,
        fix: str = "None needed: it is tried again.",
        retry_after: float | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(what, why=why, fix=fix, **facts)
        self.retry_after = retry_after
        """Seconds the far side asked us to wait (its Retry-After), or None."""


class InputError(TielineError):
    """The sender of the message has to change it."""

    family, code = "input", "input"
    title, title_zh = "The input cannot be used", "输入内容无法使用"


class SetupError(TielineError):
    """A person has to change a setting, a secret or a definition."""

    family, code = "setup", "setup"
    title, title_zh = "A setting, secret or definition must be changed", "需要修改设置、密钥或定义"


class RefusedError(TielineError):
    """The other system understood us and said no; trying again is pointless."""

    family, code = "refused", "refused"
    title, title_zh = "The other system refused", "对方系统拒绝了请求"


class UnreachableError(TransientError):
    """No connection could be made to the far side, or it broke off."""

    code = "unreachable"
    title, title_zh = "The other system cannot be reached", "无法连接对方系统"


class RateLimitedError(TransientError):
    """The far side asks us to slow down (429, or its own words for it)."""

    code = "rate-limited"
    title, title_zh = "The other system asks us to slow down", "对方系统要求降低请求频率"


class CredentialsError(SetupError):
    """The far side does not accept our credentials: wrong, expired or revoked."""

    code = "credentials"
    title, title_zh = "Credentials are not accepted", "凭据不被接受"


class PermissionDeniedError(SetupError):
    """We are known there, but may not do this."""

    code = "permission"
    title, title_zh = "A permission is missing in the other system", "在对方系统中缺少权限"


class UnknownVocabularyError(InputError):
    """A far side used a word we do not know where a closed list was promised."""

    code = "unknown-vocabulary"
    title, title_zh = "An unknown word in a closed list", "封闭词表中出现未知的词"


class MalformedError(InputError):
    """Bytes that are not what their content type promises."""

    code = "malformed"
    title, title_zh = "The body cannot be read", "无法解析消息内容"


class NotFoundError(InputError):
    """A name or id that we do not have."""

    code = "not-found"
    title, title_zh = "Not found", "未找到"


class ConflictError(InputError):
    """The thing exists already in another state or with another content."""

    code = "conflict"
    title, title_zh = "It exists already, differently", "已存在且内容不同"


class DefinitionError(SetupError):
    """A definition that cannot be published: a misspelt field, a wrong type, a missing word."""

    code = "definition"
    title, title_zh = "The definition is not valid", "定义无效"


class SettingsError(SetupError):
    """The process cannot start with these settings; every fault is named at once."""

    code = "settings"
    title, title_zh = "Settings are not valid", "系统设置无效"
