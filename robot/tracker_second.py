"""A second look at the pairs of objects and boxes, where likelihood alone is known to go wrong."""

from collections.abc import Sequence

from robot.assignment import Pair
from robot.tracker_object import Sighting, TrackedObject
from robot.tracker_overlap import Meeting

_SAME_PLACE = 0.5  # overlap (IoU) from which a box that is left over is the object that is left over
_NEAR = 0.3  # less than this and it is somewhere else
_SAME_LOOK = 16.0  # squared distance of colours
_CLEARLY = 12.0  # -2 log likelihood: 400 times as likely


def second_look(
    pairs: Sequence[Pair], objects: Sequence[TrackedObject], seen: Sequence[Sighting], meetings: Sequence[Meeting]
) -> list[Pair]:
    """The pairs, with some given to another object and some added."""
    return _left_over(_seen_alone(pairs, objects, seen, meetings), objects, seen)


def _seen_alone(
    pairs: Sequence[Pair], objects: Sequence[TrackedObject], seen: Sequence[Sighting], meetings: Sequence[Meeting]
) -> list[Pair]:
    """Of two that overlap a detector often sees the one in front only, and that one shrunken while it uncovers the
    other. A hidden one, whose place is vague by then, must not take that box when it wears the other's clothes."""
    row_of = {id(each): row for row, each in enumerate(objects)}
    column_of = dict(pairs)
    for meeting in meetings:
        if not meeting.touching:
            continue
        for one, other in ((meeting.a, meeting.b), (meeting.b, meeting.a)):
            taker, owner = row_of[id(one)], row_of[id(other)]
            if taker not in column_of or owner in column_of:
                continue
            box = seen[column_of[taker]]
            overlap = other.box.iou(box.detection.box)
            stranger = one.look.surprise(box.colour) - other.look.surprise(box.colour)
            if stranger > _CLEARLY and overlap > max(_NEAR, one.box.iou(box.detection.box)):
                column_of[owner] = column_of.pop(taker)
    return sorted(column_of.items())


def _left_over(pairs: Sequence[Pair], objects: Sequence[TrackedObject], seen: Sequence[Sighting]) -> list[Pair]:
    """A robot that comes near changes a box faster than the object's filters expect. One box and one object at the
    same place, in the same clothes, with nobody else about, are one."""
    rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
    added: list[Pair] = []
    for column, box in enumerate(seen):
        if column in columns:
            continue
        label = box.detection.label  # a face is no rival of the person it belongs to
        near = [row for row, each in enumerate(objects) if each.label == label and _near(each, box)]
        if len(near) != 1 or near[0] in rows:
            continue
        each = objects[near[0]]
        fits = each.box.iou(box.detection.box) > _SAME_PLACE and each.look.distance2(box.colour) < _SAME_LOOK
        rivals = sum(other.detection.label == label and _near(each, other) for other in seen)
        if fits and rivals == 1 and each.confirmed:
            added.append((near[0], column))
            rows.add(near[0])
    return sorted([*pairs, *added])


def _near(each: TrackedObject, seen: Sighting) -> bool:
    return each.box.iou(seen.detection.box) > _NEAR
