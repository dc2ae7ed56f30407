"""Virtual try-on: pose, body areas, and a garment put on a person."""
