"""Pickles as inert data: nothing that a pickle names is imported, called or built."""

import pickle
import pickletools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from weights.errors import Refused

RESAVE = "save it again with torch.save(model.state_dict(), FILE)"
OBJECTS = 100_000  # operations that any pickle may have; each makes at most one object of about 100 bytes
BYTES_PER_OBJECT = 100  # and one more for so many bytes of the file
# What a checkpoint may name; anything else has no business beside tensors, and is refused by name.
HARMLESS_MODULES = (
    "torch.nn.modules.", "torch.nn.parallel.", "torch.nn.parameter.", "torch.optim.", "torchvision.models.",
    "torchvision.ops.", "collections.", "datetime.", "omegaconf.", "pytorch_lightning.", "lightning.",
    "lightning_fabric.", "timm.layers.", "timm.models.", "weights.efficientnet_lite.", "weights.vgg_keras.",
    "torch._utils._rebuild_", "torch._tensor._rebuild_", "torch.nn.functional.", "torch._C._nn.",
    "numpy.random.", "numpy.ma.", "__torch__.", "torch.jit._pickle.",  # of TorchScript
)  # fmt: skip
HARMLESS = {
    "torch.serialization._get_layout", "torch.storage.UntypedStorage", "torch.storage.TypedStorage", "numpy.dtype",
    "numpy.ndarray", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "typing.Any", "_codecs.encode",
    "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct", "argparse.Namespace",
    "copyreg._reconstructor", "copy_reg._reconstructor", "pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.Path",
    "decimal.Decimal", "fractions.Fraction", "uuid.UUID", "types.SimpleNamespace", "functools.partial",
    "torch.torch_version.TorchVersion", "easydict.EasyDict", "yacs.config.CfgNode",
    "pathlib.PurePosixPath", "pathlib.PureWindowsPath", "pathlib._local.PosixPath", "pathlib._local.WindowsPath",
}  # fmt: skip
HARMLESS_BUILTINS = (
    "bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object", "range", "set",
    "slice", "str", "tuple", "type", "unicode",
)  # fmt: skip
HARMLESS_TORCH = ("Size", "Tensor", "device", "strided", "preserve_format", "contiguous_format", "channels_last")
TORCH_TYPES = ("float", "bfloat", "int", "uint", "bool", "complex", "quint", "qint", "half", "double", "long", "short")
_MARK = object()


@dataclass(frozen=True, eq=False)
class Named:
    """A class or function that the pickle names, `module.name`."""

    name: str


@dataclass(eq=False)
class Made:
    """What calling `name` would have made; it was not called.

    Attributes:
        name: of the class or function.
        arguments: of the call.
        state: attributes, where the pickle sets any.
        items: keys and values, where the pickle sets any.
    """

    name: str
    arguments: tuple[Any, ...] = ()
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Stored:
    """What lies outside the pickle, by its id: (kind, type, key, place, number of elements, ...)."""

    id: tuple[Any, ...]


def read_pickle(file: BinaryIO, file_size: int) -> tuple[Any, list[Stored]]:
    """The content of the pickle at the file's position, as dicts, lists, tuples, numbers, texts, `Named`, `Made`.

    Reading stops behind the pickle. Memory is bounded by the file's size, whatever the pickle says.

    Args:
        file: bytes, from the pickle on.
        file_size: of the checkpoint, bytes; the limit of operations follows it.

    Returns:
        The content, and everything in it that is stored outside, in order.

    Raises:
        Refused: it names what has no business in a checkpoint, or has more parts than a file of this size may have.
        ValueError, LookupError, TypeError, pickle.UnpicklingError: no pickle, or a damaged one.
    """
    machine = _Machine(OBJECTS + file_size // BYTES_PER_OBJECT)
    for opcode, argument, _ in pickletools.genops(file):
        machine.spend(1)
        if opcode.name == "STOP":
            return machine.pop(), machine.stored
        machine.run(opcode.name, argument)
    raise pickle.UnpicklingError("no STOP")  # pragma: no cover (genops raises before)


def checked_name(name: str) -> str:
    """The same name, if a checkpoint may hold it.

    Raises:
        Refused: it may not.
    """
    module, _, last = name.rpartition(".")
    torch_type = module == "torch" and (
        last.endswith("Storage") or last in HARMLESS_TORCH or last.startswith(TORCH_TYPES)
    )
    builtin = module in ("builtins", "__builtin__") and last in HARMLESS_BUILTINS
    if not (torch_type or builtin or name in HARMLESS or name.startswith(HARMLESS_MODULES)):
        raise Refused(f"would run '{name[:100]}' when loaded, which is refused; {RESAVE}")
    return name


class _Machine:
    """The stack machine of pickles, whose calls make `Made` instead of calling."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.stored: list[Stored] = []

    def spend(self, objects: int) -> None:
        self.budget -= objects
        if self.budget < 0:
            raise Refused(f"holds far too many objects for its size, which is refused; {RESAVE}")

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise pickle.UnpicklingError("unexpected mark")
        return value

    def run(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _LITERALS:
            self.stack.append(argument)
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        else:
            raise Refused(f"uses '{name}', which no checkpoint needs and is refused; {RESAVE}")

    def since_mark(self) -> list[Any]:
        items: list[Any] = []
        while (value := self.stack.pop()) is not _MARK:
            items.append(value)
        return items[::-1]

    def put(self, key: int | None) -> None:
        self.memo[len(self.memo) if key is None else int(key)] = self.stack[-1]

    def tuple_of(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self.stack.append(tuple(values[::-1]))

    def extend(self, values: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(values)

    def set_items(self, values: list[Any]) -> None:
        target = self.stack[-1]
        target = target.items if isinstance(target, Made) else target
        if isinstance(target, dict):
            target.update(_pairs(values))

    def persist(self, id_: Any) -> None:
        if not isinstance(id_, tuple) or not id_:
            raise pickle.UnpicklingError("no persistent id")
        if id_[0] == "module":  # such files carry the source code of their layers
            raise Refused(f"is a whole model in the format of PyTorch before 1.6, which is refused; {RESAVE}")
        self.stored.append(Stored(id_))
        self.stack.append(self.stored[-1])

    def named(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise pickle.UnpicklingError("a name that is no text")
        self.stack.append(Named(checked_name(f"{module}.{name}")))

    def call(self, function: Any, arguments: Any) -> None:
        if not isinstance(function, Named) or not isinstance(arguments, tuple):
            raise pickle.UnpicklingError("a call of what is no function")
        self.stack.append(self.made(function.name, arguments))

    def made(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """Plain containers as what they are, never copied without being counted; everything else as `Made`."""
        first = arguments[0] if arguments else None
        if name in ("collections.OrderedDict", "collections.Counter", "collections.defaultdict", "builtins.dict"):
            if isinstance(first, list):  # pairs, as Python 2 wrote them
                self.spend(2 * len(first))
                return dict(_pairs([part for key, value in first for part in (key, value)]))
            return first if isinstance(first, dict) else {}
        if name.endswith((".set", ".frozenset", ".list")) and isinstance(first, list | tuple | None):
            return [] if first is None else first
        if name == "torch.Size" and isinstance(first, list | tuple):
            self.spend(len(first))
            return tuple(first)
        return Made(name, arguments)

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        self.call(function, arguments)

    def new_with_keywords(self) -> None:
        self.pop()
        self.reduce()

    def inst(self, name: str) -> None:
        arguments = tuple(self.since_mark())
        self.named(*name.split(" ", 1))
        self.call(self.pop(), arguments)

    def obj(self) -> None:
        function, *arguments = self.since_mark()
        self.call(function, tuple(arguments))

    def build(self) -> None:
        state = self.pop()
        if isinstance(self.stack[-1], Made):
            self.stack[-1].state = state


def _pairs(values: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Keys and values; a key that is no number or text stands for itself alone: hashing it could take for ever."""
    for key, value in zip(values[::2], values[1::2], strict=True):
        yield key if isinstance(key, str | int | float | bytes | None) else object(), value


_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict, "EMPTY_SET": list, "MARK": lambda: _MARK,
}  # fmt: skip
_LITERALS = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE",
    "BINUNICODE", "BINUNICODE8",
}  # fmt: skip
_ACTIONS: dict[str, Callable[[_Machine, Any], Any]] = {
    "PROTO": lambda _m, _: None,
    "FRAME": lambda _m, _: None,
    "POP": lambda m, _: m.stack.pop(),
    "POP_MARK": lambda m, _: m.since_mark(),
    "DUP": lambda m, _: m.stack.append(m.stack[-1]),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.since_mark())),
    "TUPLE1": lambda m, _: m.tuple_of(1),
    "TUPLE2": lambda m, _: m.tuple_of(2),
    "TUPLE3": lambda m, _: m.tuple_of(3),
    "LIST": lambda m, _: m.stack.append(m.since_mark()),
    "FROZENSET": lambda m, _: m.stack.append(m.since_mark()),
    "DICT": lambda m, _: m.stack.append(dict(_pairs(m.since_mark()))),
    "APPEND": lambda m, _: m.extend([m.pop()]),
    "APPENDS": lambda m, _: m.extend(m.since_mark()),
    "ADDITEMS": lambda m, _: m.extend(m.since_mark()),
    "SETITEM": lambda m, _: m.set_items([m.pop(), m.pop()][::-1]),
    "SETITEMS": lambda m, _: m.set_items(m.since_mark()),
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.put,
    "GET": lambda m, key: m.stack.append(m.memo[int(key)]),
    "BINGET": lambda m, key: m.stack.append(m.memo[key]),
    "LONG_BINGET": lambda m, key: m.stack.append(m.memo[key]),
    "PERSID": _Machine.persist,
    "BINPERSID": lambda m, _: m.persist(m.pop()),
    "GLOBAL": lambda m, name: m.named(*name.split(" ", 1)),
    "STACK_GLOBAL": lambda m, _: m.named(*[m.pop(), m.pop()][::-1]),
    "INST": _Machine.inst,
    "OBJ": lambda m, _: m.obj(),
    "NEWOBJ": lambda m, _: m.reduce(),
    "NEWOBJ_EX": lambda m, _: m.new_with_keywords(),
    "REDUCE": lambda m, _: m.reduce(),
    "BUILD": lambda m, _: m.build(),
}
