"""One line of the trace: what was true and what the robot did, at one control tick."""

from handover.values import Server
from robot.decision import Decision
from sim.trace import Tick
from sim.world import Truth


def tick_of(t_s: float, truth: Truth, decision: Decision, active: Server | None) -> Tick:
    """`t_s` on the run's clock."""
    target = next((person for person in truth.people if person.person_id == truth.target_id and person.present), None)
    return Tick(
        t_s=t_s,
        state=str(decision.state),
        server_id=active.server_id if active else None,
        rover_x_m=truth.rover.x_m,
        rover_y_m=truth.rover.y_m,
        heading_rad=truth.rover.heading_rad,
        target_x_m=target.x_m if target else float("nan"),
        target_y_m=target.y_m if target else float("nan"),
        bearing_rad=truth.target_bearing_rad,
        distance_m=truth.target_distance_m,
        visible=truth.target_visible,
        forward_mps=decision.command.forward_mps,
        turn_radps=decision.command.turn_radps,
        moving=not decision.command.is_still,
        result_age_s=decision.result_age_s,
        safety_stop=decision.safety_stop,
        collisions=truth.collisions,
    )
