"""Garments: the catalogue, cutting one out of a photo, drawing the built-in ones."""
