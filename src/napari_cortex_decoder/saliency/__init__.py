"""Which cortex a decoder reads: importance of areas, maps, and the controls that carry them.

Importing this room loads no torch: each name of ``__init__.pyi`` is fetched on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
