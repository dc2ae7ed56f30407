"""Faces over MQTT into object storage."""
