"""The page that shows what a camera sees and what was published."""
