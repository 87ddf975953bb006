"""Reads the images that metadata hold."""

import base64
import io
import re

import dagster as dg
import numpy as np
from PIL import Image

HELD = re.compile(r"!\[([^\]]+)\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)")


def decoded(value: object) -> tuple[str, np.ndarray]:
    """Return the title and the pixels of an image in metadata."""
    assert isinstance(value, dg.MarkdownMetadataValue)
    found = HELD.fullmatch(value.value or "")
    assert found is not None
    return found[1], pixels(base64.b64decode(found[2], validate=True))


def pixels(png: bytes) -> np.ndarray:
    """Return the pixels of a PNG; it is decoded whole."""
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def has_colour(found: np.ndarray, colour: str) -> bool:
    """Say whether any pixel has the colour."""
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return bool((found == wanted).all(axis=-1).any())
