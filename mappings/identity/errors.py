"""What identity can refuse, each with its own code, so that a repair or a dead letter names the case."""

from __future__ import annotations

from core.errors import ConflictError, InputError, SetupError


class PlaceholderError(InputError):
    """An id that stands for "no id" (0, N/A, 未知) would link strangers to each other."""

    code = "placeholder-id"
    title, title_zh = "A placeholder instead of an id", "用占位符代替了编号"


class UnknownShapeError(SetupError):
    """An id that does not look like the ids its source declared: the source or the declaration has changed."""

    code = "unknown-id-shape"
    title, title_zh = "An id of unknown shape", "编号格式未知"


class ShapeRefusedError(SetupError):
    """A declared id shape that would join or lose ids that we already hold."""

    code = "id-shape-refused"
    title, title_zh = "The id shape does not fit the known ids", "编号格式与已有编号不符"


class DistinctError(ConflictError):
    """Two entities that a steward declared distinct would become one."""

    code = "declared-distinct"
    title, title_zh = "They were declared distinct", "已被声明为不同对象"


class CrosswalkStateError(ConflictError):
    """An external id is not in the state that the asked mode needs: it is there already, or its forerunner is not."""

    code = "crosswalk-state"
    title, title_zh = "The external id is in another state", "外部编号的状态不符"
