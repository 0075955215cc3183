"""Objects without a buffer as arrays: images of PIL, tensors."""

import sys

import numpy as np


def _on_white(image):
    """Transparency composed on white, as files are read."""
    from PIL import Image

    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def pixels_of(image, channels, where):
    """The pixels as an array, and whether it is a photograph that may be brought to the plan's size.

    channels: of the plan, 1 or 3. where: what errors call the image.
    """
    pil = sys.modules.get("PIL.Image")
    if pil is not None and isinstance(image, pil.Image):
        if image.mode.startswith(("I", "F")):
            raise TypeError(f"{where}: an image of PIL of mode {image.mode}, expected 8 bits a channel")
        if image.has_transparency_data:
            image = _on_white(image)
        mode = "L" if channels == 1 else "RGB"
        return np.asarray(image if image.mode == mode else image.convert(mode)), True
    if hasattr(image, "__array__"):
        return np.asarray(image), False
    raise TypeError(
        f"{where}: expected an array, an image of PIL, a path, the bytes of an image file, or a list of these, found {type(image).__name__}"
    )
