"""How much a place's name is like a field's: the same word, another word for it, the words of the thing around it."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import lru_cache

from mappings.drafting.concepts import ENTITIES, FIELDS, GENERIC
from mappings.drafting.places import Place
from mappings.models import EntitySpec, FieldSpec
from mappings.names import words_of

_HOLDERS = frozenset(("data", "fields", "attributes", "payload", "body", "record", "content", "result", "object", "model"))
"""What a record is wrapped in: it owns nothing."""

_LAST = ("名称", "名", "编号", "编码", "号", "代码", "姓名")
_NAMING = frozenset(("name", "label", "value", "title", "displayname", "display", "text", "desc", "名称"))
"""What the name of a linked thing stands under: status.name is the status."""

_CHINESE = re.compile(r"[一-鿿]+")


@dataclass(frozen=True, slots=True)
class Like:
    """A likeness from 0 to 1, and why, in both languages."""

    score: float
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A field of an entity as it may be called by others."""

    name: str
    spec: FieldSpec
    entity: str
    words: tuple[str, ...]
    chinese: str
    others: frozenset[str]
    """Other words for the field."""
    around: frozenset[str]
    """Words for the thing that the field belongs to; they add nothing."""
    strangers: frozenset[str]
    """Words for other things: their name is not this one's name."""

    @property
    def label(self) -> str:
        """Return its name as one word."""
        return "".join(self.words)


def wanted(entity: EntitySpec, name: str, spec: FieldSpec) -> Wanted:
    """Return what a field may be called."""
    chinese = spec.title.zh if spec.title else ""
    own = words_of(name)
    titled = tuple(word for part in re.findall(r"\w+", spec.title.en if spec.title else "") for word in words_of(part))
    others = set(FIELDS.get(name, "").split())
    for word in {*own, *titled}:
        others |= set(FIELDS.get(word, "").split()) if word not in GENERIC or len(own) == 1 else set()
    around = _called(entity.name) | set(words_of(entity.name)) | set(_CHINESE.findall(entity.title.zh))
    mine = _called(spec.to) | set(words_of(spec.to)) if spec.to else set()
    strangers = {word for one in ENTITIES if one not in (entity.name, spec.to) for word in _called(one)}
    strangers -= {*around, *mine, *own, *titled, *others}
    return Wanted(name, spec, entity.name, own, chinese, frozenset(others | mine), frozenset(around), frozenset(strangers))


def _called(entity: str | None) -> set[str]:
    return set(ENTITIES.get(entity or "", "").split())


def like(want: Wanted, place: Place) -> Like:
    """Say how much a place is called like a field."""
    if want.spec.to is not None:
        return _like_reference(want, place)
    best = max(_names(want, place), key=lambda one: one.score)
    strange = _strange(want, place)
    if strange:
        return Like(
            best.score * 0.45,
            f"{best.en}, but it is about another thing ({strange})",
            f"{best.zh}，但属于其他对象（{strange}）",
        )
    if set(place.words) <= GENERIC and place.above and not _owner(place) & {*want.around, *want.words, *want.others, *_HOLDERS}:
        return Like(best.score * 0.9, best.en, best.zh)  # whose name, whose number?
    return best


def _owner(place: Place) -> set[str]:
    return set(place.above) - {"id"}


def _strange(want: Wanted, place: Place) -> str | None:
    """Return the word for another thing that a place's name or number is of: supplier.name, 设备名称."""
    rest = [word for word in place.words if word not in want.strangers]
    told = want.strangers.intersection(place.words) if set(rest) <= GENERIC else set()
    if set(place.words) <= GENERIC:
        told |= want.strangers & _owner(place)
    if not place.label.isascii():
        told |= {
            one
            for one in want.strangers
            if not one.isascii() and len(one) > 1 and place.label.startswith(one) and place.label[len(one) :] in _LAST
        }
    return min(told) if told else None


def _names(want: Wanted, place: Place) -> list[Like]:
    """Return every way in which the names are alike."""
    label, found = place.label, [Like(0.0, "nothing in its name", "名称无关")]
    bare = tuple(word for word in place.words if word not in want.around) or place.words
    for words, part in ((place.words, 1.0), (bare, 0.95)):
        if words and "".join(words) == want.label:
            found.append(Like(part, "the name is the same", "名称相同"))
        if words and "".join(words) in want.others:
            found.append(Like(0.88 * part, f"{''.join(words)!r} is another word for it", f"“{''.join(words)}”为同义词"))
        if place.above and "".join((*place.above, *words)) == want.label:
            found.append(Like(0.95, "the names on the path make it", "路径名称相同"))
    found += _of_owner(want, place)
    if overlap := set(bare) & {*want.words, *want.others} - GENERIC:
        share = len(overlap) / max(len(bare), 1)
        word = sorted(overlap)[0]
        found.append(Like(0.45 + 0.35 * share, f"its name has the word {word!r}", f"名称含“{word}”"))
    if label.isascii() and (ratio := _ratio(label, want.label)) > 0.8:
        found.append(Like(ratio * 0.85, "the names are nearly the same", "名称相近"))
    found += _chinese(want, place)
    if told := set(place.said) & {*want.words, *want.others} - GENERIC:
        word = sorted(told)[0]
        found.append(Like(0.62, f"its connector says {word!r} of it", f"连接器说明含“{word}”"))
    return found


def _of_owner(want: Wanted, place: Place) -> list[Like]:
    """A thing that is linked is called by its name: status.name is the status."""
    owner = [word for word in place.above if word != "id"]
    if not owner or not set(place.words) <= _NAMING:
        return []
    if "".join(owner) == want.label:
        return [Like(0.93, "it is the name of one", "为其名称")]
    mine = set(owner) & {*want.words, *want.others} - GENERIC
    return (
        [Like(0.45 + 0.35 * len(mine) / len(owner), f"it is the name of a {min(mine)}", f"为“{min(mine)}”的名称")]
        if mine
        else []
    )


def _chinese(want: Wanted, place: Place) -> list[Like]:
    label = place.label
    if label.isascii():
        return []
    bare = label
    for word in sorted(want.around, key=len, reverse=True):
        if not word.isascii() and bare != word and len(bare) - len(word) >= 1:
            bare = bare.replace(word, "")
    found = []
    for text, part in ((label, 1.0), (bare, 0.95)):
        if text and text == want.chinese:
            found.append(Like(part, "its name is the field's Chinese title", "与字段中文名相同"))
        elif text and text in want.others:
            found.append(Like(0.88 * part, f"{text} is another word for it", f"“{text}”为同义词"))
        elif (
            text and want.chinese and len(want.chinese) > 1 and (want.chinese in text or text in want.chinese) and len(text) > 1
        ):
            found.append(Like(0.7 * part, f"its name has {want.chinese}", f"名称含“{want.chinese}”"))
        else:
            inside = [word for word in want.others if not word.isascii() and len(word) > 1 and word in text]
            if inside:
                word = max(inside, key=len)
                found.append(Like(0.5 + 0.3 * len(word) / len(text), f"its name has {word}", f"名称含“{word}”"))
    return found


_IDS = ("id", "no", "number", "code", "key", "num", "编号", "编码", "号", "代码")


def _like_reference(want: Wanted, place: Place) -> Like:
    """A reference is read from the id of the other thing: host.hostid, machine_no, 设备编号, or the thing's word alone."""
    own = {*want.words, *want.others}
    label = place.label
    about = own & {*place.words, *place.above} or {one for one in own if not one.isascii() and len(one) > 1 and one in label}
    if not about:
        return Like(0.0, "nothing in its name", "名称无关")
    word = sorted(about)[0]
    is_id = bool(set(place.words) & set(_IDS)) or any(label.endswith(one) for one in _IDS)
    named = bool(set(place.words) & {"name", "label", "title", "desc"}) or label.endswith(("名称", "名", "姓名"))
    if is_id and not named:
        return Like(0.9, f"it is the id of a {word}", f"为“{word}”的编号")
    if label in own:
        return Like(0.62, f"it names the {word}", f"指明“{word}”")
    return Like(0.3 if named else 0.35, f"it is about a {word}, but not its id", f"与“{word}”有关，但不是编号")


@lru_cache(maxsize=8192)
def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()
