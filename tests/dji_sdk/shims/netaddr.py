"""DJI's package imports it for searches that are not made here."""


class IPNetwork:
    pass
