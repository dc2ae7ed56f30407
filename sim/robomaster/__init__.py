"""A RoboMaster on the network: the simulated rover as programs written for the real one know it."""
