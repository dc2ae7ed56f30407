"""DJI's package imports it for searches that are not made here."""


def interfaces() -> list[str]:
    return []
