"""The errors that only a door can raise: who you are, what you may do, and whether we can read you at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.errors import ConflictError, InputError, TielineError


class UnauthenticatedError(InputError):
    """No key came with the request, or one that we do not accept."""

    code = "unauthenticated"
    title, title_zh = "An API key is needed", "需要 API 密钥"


class ScopeMissingError(InputError):
    """The key is good, but it may not do this; the missing scope is named."""

    code = "scope-missing"
    title, title_zh = "The key lacks a scope", "密钥缺少权限范围"

    def __init__(self, needed: str, held: Iterable[str], name: str) -> None:
        scopes = sorted(held)
        super().__init__(
            f"The key {name!r} may not do this.",
            why=f"It needs the scope {needed!r}; it has: {', '.join(scopes) or 'none'}.",
            fix=f"Use a key with the scope {needed!r}; who holds an admin key makes one with POST /api/v1/keys.",
            needed=needed,
            held=scopes,
        )


class ForgedRequestError(InputError):
    """A form of the console was sent from somewhere else, or its page was too old."""

    code = "forged-request"
    title, title_zh = "The form cannot be trusted", "表单来源不可信"


class TooLargeError(InputError):
    """The body is longer than we take."""

    code = "too-large"
    title, title_zh = "The body is too large", "请求内容过大"

    def __init__(self, limit: int) -> None:
        super().__init__(
            "The body is too large.",
            why=f"This address takes at most {limit} bytes; reading stopped there.",
            fix="Send less in one request, for example one event per request.",
            limit=limit,
        )


class UnsupportedMediaError(InputError):
    """The body comes in a form that we do not read."""

    code = "unsupported-media"
    title, title_zh = "The content type is not supported", "不支持的内容类型"


class MethodNotAllowedError(InputError):
    """The address exists, but not for this method."""

    code = "method-not-allowed"
    title, title_zh = "The method is not allowed here", "此地址不允许该方法"


class ValidationError(InputError):
    """Parts of the request do not have the declared form; every fault is listed."""

    code = "validation"
    title, title_zh = "The request is not valid", "请求不合规"

    def __init__(self, where: str, faults: list[dict[str, Any]]) -> None:
        shown = "; ".join(f"{fault['path'] or where}: {fault['what']}" for fault in faults[:5])
        more = f" … and {len(faults) - 5} more" if len(faults) > 5 else ""
        super().__init__(
            f"The {where} is not valid.",
            why=f"{shown}{more}.",
            fix="Correct what is listed; /openapi.json holds the exact form.",
            faults=faults,
        )


class UnknownDoorError(InputError):
    """Something knocked at a door of a connector that is not registered."""

    code = "unknown-connector"
    title, title_zh = "There is no such connector", "没有此连接器"


class ChangedDeliveryError(ConflictError):
    """A delivery came again under a known id, but with another body; both are kept."""

    code = "changed-delivery"
    title, title_zh = "Known id, other content", "相同编号，内容不同"


class CheckFailedError(TielineError):
    """The check before saving did not pass, so nothing was saved."""

    family, code = "setup", "check-failed"
    title, title_zh = "The check did not pass", "检查未通过"


class BrokenError(TielineError):
    """A fault of ours; the log holds the details under the given reference."""

    family, code = "setup", "internal"
    title, title_zh = "Tieline made a mistake", "Tieline 内部错误"
