"""Where radio levels come from. Levels are what the policies `a3` and `liquidedge` decide on."""
