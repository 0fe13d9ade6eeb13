"""Why a door did not open: one class and one code per reason, so that a sender can be told exactly."""

from __future__ import annotations

from core.errors import InputError, SetupError


class RefusedDoorError(InputError):
    """A push was refused at the door. It is recorded with its reason and answered with the same words."""

    code = "door-refused"
    title, title_zh = "The door refused this message", "入口拒绝了该消息"


class SignatureMissingError(RefusedDoorError):
    """The header that carries the signature is not there."""

    code = "door-signature-missing"
    title, title_zh = "The signature is missing", "缺少签名"


class SignatureWrongError(RefusedDoorError):
    """There is a signature, but it is not that of these bytes under any of our secrets."""

    code = "door-signature-wrong"
    title, title_zh = "The signature is wrong", "签名错误"


class MessageIdMissingError(RefusedDoorError):
    """The scheme signs a message id, and there is none."""

    code = "door-id-missing"
    title, title_zh = "The message id is missing", "缺少消息编号"


class TimestampMissingError(RefusedDoorError):
    """The scheme signs the time of sending, and there is none."""

    code = "door-timestamp-missing"
    title, title_zh = "The timestamp is missing", "缺少时间戳"


class TimestampUnreadableError(RefusedDoorError):
    """The time of sending is not written in the declared form."""

    code = "door-timestamp-unreadable"
    title, title_zh = "The timestamp cannot be read", "无法读取时间戳"


class TimestampOldError(RefusedDoorError):
    """The message was sent longer ago than the tolerance: perhaps somebody recorded it and plays it back."""

    code = "door-timestamp-old"
    title, title_zh = "The timestamp is too old", "时间戳已过期"


class TimestampNewError(RefusedDoorError):
    """The message comes from the future: one of the two clocks is wrong."""

    code = "door-timestamp-new"
    title, title_zh = "The timestamp lies in the future", "时间戳在未来"


class CredentialMissingError(RefusedDoorError):
    """The shared header or the user and password are not there."""

    code = "door-credential-missing"
    title, title_zh = "The shared secret is missing", "缺少共享密钥"


class CredentialWrongError(RefusedDoorError):
    """The shared header, the user or the password is not ours."""

    code = "door-credential-wrong"
    title, title_zh = "The shared secret is wrong", "共享密钥错误"


class PathWrongError(RefusedDoorError):
    """The secret part of the URL is missing or wrong."""

    code = "door-path-wrong"
    title, title_zh = "The secret address is wrong", "秘密地址错误"


class DoorSetupError(SetupError):
    """The door itself is not usable: an unknown scheme, a missing secret, a template that cannot be signed."""

    code = "door-setup"
    title, title_zh = "The door is not set up", "入口未配置"
