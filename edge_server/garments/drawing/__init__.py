"""The built-in garments, drawn: shapes in centimetres, cloth as a height field under a lamp."""
