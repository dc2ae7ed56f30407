"""What the page shows beyond the robot itself: a world seen from above, where there is a simulator to ask."""

from collections.abc import Mapping
from typing import Any, Protocol


class World(Protocol):
    """Answered by the simulator. Only asked while somebody watches."""

    def plan(self) -> Mapping[str, Any]:
        """What does not move, in metres: {"bounds", "walls", "furniture", "sites"} (see `sim.floorplan`). Sent once."""
        ...

    def moment(self) -> Mapping[str, Any]:
        """What does: {"rover": [x, y, heading], "people": [[x, y, is_target]...], "now_s", "length_s"}.

        Without a rover in the world "rover" is left out.
        """
        ...

    def top_jpeg(self) -> bytes:
        """A rendered picture from above; empty when there is none. The same object until there is a new one."""
        ...
