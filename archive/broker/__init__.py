"""Brokers of one's own, for demos and tests: started on free ports of this machine, ended with the program."""
