"""kd_teach: fourteen knowledge distillation methods to read, run and see.

The names stand in `__init__.pyi`. Each is imported when it is first used, so that `kd-teach --help` need not wait for
PyTorch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
