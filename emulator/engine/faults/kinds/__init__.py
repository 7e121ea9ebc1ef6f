"""All kinds of faults: every file of this folder is one."""

from importlib import import_module
from pkgutil import iter_modules

from emulator.engine.faults.fault_kind import registered

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

FAULT_KINDS = registered()
