"""What servers are asked for, as they come and go."""

import math
from dataclasses import replace

from handover.values import Server, ServerView
from protos.messages import Load
from robot.tasks import TaskChoice


def view(name: str, *tasks: str, active: bool = False) -> ServerView:
    return ServerView(
        Server(name, "127.0.0.1:1", tasks),
        connected=True,
        usable=active,
        is_active=active,
        is_standby=False,
        cost_s=math.inf,
        rtt_p50_s=math.nan,
        loss=0.0,
        level_dbm=math.nan,
        quality=math.nan,
        load=Load(),
        penalty_until_s=0.0,
    )


def test_faces_are_followed_once_servers_have_offered_nothing_else_for_a_while() -> None:
    choice = TaskChoice(("person",), may_fall_back=True)
    only_faces = [view("a", "face")]
    assert not choice.look(0.0, only_faces)
    assert not choice.look(2.9, only_faces)
    assert choice.look(3.0, only_faces)
    assert (choice.current, choice.fell_back) == (("face",), True)


def test_a_server_with_the_wanted_task_that_comes_later_is_used() -> None:
    choice = TaskChoice(("person",), may_fall_back=True, patience_s=0.0)
    assert choice.look(0.0, [view("a", "face")])
    assert not choice.look(1.0, [view("a", "face", active=True)])
    assert choice.look(2.0, [view("a", "face", active=True), view("b", "person")])
    assert choice.current == ("person",)


def test_a_dead_server_that_is_still_announced_does_not_draw_it_to_and_fro() -> None:
    choice = TaskChoice(("person",), may_fall_back=True, patience_s=0.0)
    dead = view("b", "person")
    assert choice.look(0.0, [view("a", "face"), dead])
    assert not any(choice.look(float(time_s), [view("a", "face", active=True), dead]) for time_s in range(1, 50))


def test_nothing_changes_while_somebody_serves_or_nobody_is_there_or_it_may_not() -> None:
    patient = TaskChoice(("person",), may_fall_back=True, patience_s=0.0)
    assert not patient.look(0.0, [])
    assert not patient.look(0.0, [view("a", "face"), view("b", "person", active=True)])
    assert not patient.look(0.0, [replace(view("a"), connected=False)])  # not known yet what it offers
    assert not TaskChoice(("person",), may_fall_back=False, patience_s=0.0).look(0.0, [view("a", "face")])
    assert not TaskChoice(("face",), may_fall_back=True, patience_s=0.0).look(0.0, [view("a", "coco")])
