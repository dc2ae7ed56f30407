# mypy: ignore-errors
"""Two robots in one program."""

from talk import HOW, connect, report

rovers = [connect(**how) for how in HOW["each"]]
moves = [rover.chassis.move(x=0.4, xy_speed=0.6) for rover in rovers[:1]]
moves += [rover.chassis.move(x=-0.3, xy_speed=0.6) for rover in rovers[1:]]
done = [move.wait_for_completed(timeout=15) for move in moves]
report("moved", done=done, sns=[rover.get_sn() for rover in rovers])
for rover in rovers:
    rover.close()
