"""The drawing library that the page carries: Vega, Vega-Lite and Vega-Embed, as vl-convert bundles them."""

import hashlib
from base64 import b64encode
from collections.abc import Callable
from functools import cache


@cache
def script() -> str:
    """Return the library's JavaScript, which puts `vegaEmbed` on the window. It takes a second, once a process."""
    import vl_convert

    bundle: Callable[..., str] = vl_convert.javascript_bundle  # its type stub asks for a snippet, which it needs not
    return bundle()


def script_hash(text: str) -> str:
    """Return the hash by which a content security policy names an inline script."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
