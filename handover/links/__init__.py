"""Connections to servers: one file for each kind of server."""
