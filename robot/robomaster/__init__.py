"""DJI RoboMaster EP and S1 as hardware: our own clients of its text and its binary protocol."""
