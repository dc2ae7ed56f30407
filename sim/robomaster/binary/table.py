"""Every command that the robot knows."""

from sim.robomaster.binary import armour, camera, chassis, gimbal, lights, modules, system
from sim.robomaster.binary.entry import Entries, Entry

_PARTS: tuple[Entries, ...] = tuple(part.ENTRIES for part in (system, chassis, gimbal, lights, armour, camera, modules))

TABLE: dict[tuple[int, int], Entry] = {command.value: entry for entries in _PARTS for command, entry in entries.items()}
