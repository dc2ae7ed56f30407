"""The root of our errors. The tree is drawn by what a caller can do about them."""


class TagalongError(Exception):
    """Anything this project raises on purpose. The message names the thing, the value and the next step."""


class ConfigError(TagalongError):
    """A setting is wrong: correct it and start again. `tagalong` prints it and exits with 2."""


class LinkError(TagalongError):
    """This server is of no use now; another may be."""


class BadImageError(TagalongError):
    """The sender's image cannot be used; the next one may be fine."""


class BadMessageError(TagalongError):
    """A message of the other side breaks the protocol; what it carried is dropped."""


class ModelError(TagalongError):
    """A model file is missing or is not what its manifest says."""


class DeviceError(TagalongError):
    """A camera, driver or light is missing or stopped working."""
