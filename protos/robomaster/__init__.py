"""The two network protocols of DJI's RoboMaster EP and S1, for both ends: our drivers and our stand-in for the robot.

`frame` is the binary protocol's envelope, `payloads` what lies in it, `text` the other protocol. What could not be
checked on a real robot lies in `unverified`.
"""
