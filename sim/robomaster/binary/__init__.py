"""The emulated robot's side of the binary protocol.

`table` says for each command who carries it out; the handlers know the rover and no sockets. `session` is one client,
frames in and frames out; `service` is the network around it.
"""
