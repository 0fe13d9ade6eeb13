"""The one error of this part."""

from core.errors import SetupError


class DriftError(SetupError):
    """A source sends another form than its contract allows."""

    code = "drift"
    title, title_zh = "The source sends another form than before", "数据源的格式发生变化"
