"""Decode behavior from cortex-wide calcium movies, and see which cortex it was read from.

Importing this package loads neither torch nor Qt: each public name of ``__init__.pyi`` is fetched
on first use.
"""

from importlib.metadata import version

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = version("napari-cortex-decoder")
