"""The virtual mirror: a page to try garments on, and the client that finds nodes to do it."""
