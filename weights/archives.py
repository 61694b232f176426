"""What torch.save writes, read record by record: zip archives with checksums, and the older format without any."""

import io
import mmap
import pickle
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from typing import Any, BinaryIO

import torch

from weights.errors import Refused
from weights.pickles import RESAVE, Named, Stored, read_pickle
from weights.programs import EXPORT_AGAIN, EXPORTED, EXPORTED_EARLIER, SCRIPTED, WEIGHTS, exported

UNPACKED, SLACK = 4, 2**20  # an archive may unpack to four times its size, and a little for very small ones
DIRECTORY = 4 * 2**20  # bytes of a zip directory, about 50,000 records
CHUNK = 2**20
LEGACY_MAGIC, LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
KERAS = "is a Keras model; turn it into a .safetensors file first: cambench convert keras FILE --out F.safetensors"
STORAGES = {
    "DoubleStorage": torch.float64, "FloatStorage": torch.float32, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64, "ComplexDoubleStorage": torch.complex128,
    "UntypedStorage": torch.uint8,
}  # fmt: skip


class Archive(ABC):
    """An opened checkpoint file.

    Attributes:
        content: what was saved, inert (see `weights.pickles`).
        notes: what a reader should know.
    """

    content: Any
    notes: tuple[str, ...] = ()

    @abstractmethod
    def read(self, key: str, size: int) -> bytearray:
        """The bytes of a storage.

        Raises:
            Refused: it is not there, is not as long as the pickle says, or its checksum is wrong.
        """


class ZipArchive(Archive):
    """The format of today: a zip whose records have checksums; every record that is used is checked."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        check_directory(file, size)
        self.zip = zipfile.ZipFile(file)
        records = self.zip.infolist()
        names = [record.filename for record in records]
        if any(name.rpartition("/")[2] == "model.weights.h5" for name in names):
            raise Refused(KERAS)
        if len(set(names)) < len(names):
            raise Refused(f"is an archive with two records of the same name, which is refused; {RESAVE}")
        if any(r.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or r.flag_bits & 1 for r in records):
            raise Refused(f"is an archive that is encrypted or packed in an unusual way, which is refused; {RESAVE}")
        unpacked = sum(record.file_size for record in records)
        if unpacked > UNPACKED * size + SLACK:
            raise Refused(f"unpacks from {size} bytes to {unpacked}, which is refused: no checkpoint does; {RESAVE}")
        index, kind = _index(names)
        self.folder = index.removesuffix(kind)
        if f"{self.folder}byteorder" in names and self._record("byteorder") != b"little":
            raise Refused(f"was saved on a big-endian machine; load it there and {RESAVE}")
        text = self._record(kind)
        if kind == "data.pkl":
            self.content, _ = read_pickle(io.BytesIO(text), size)
            self.notes = (SCRIPTED,) if f"{self.folder}constants.pkl" in names else ()
        else:
            sizes = {record.filename.removeprefix(self.folder): record.file_size for record in records}
            self.content, self.notes = exported(text, sizes), (EXPORTED,)

    def read(self, key: str, size: int) -> bytearray:
        """The record's content, its checksum verified."""
        content = self._record(f"data/{key}")
        if len(content) < size:
            raise Refused(f"claims {size} bytes where record 'data/{key[:50]}' has {len(content)}; copy it again")
        return content

    def _record(self, name: str) -> bytearray:
        content = bytearray()
        try:
            with self.zip.open(self.folder + name) as record:
                while chunk := record.read(CHUNK):
                    content += chunk
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise Refused(f"is damaged: record '{name[:50]}' does not match its checksum; copy it again") from error
        except KeyError as error:
            raise Refused(f"is damaged: record '{name[:50]}' is missing; copy it again") from error
        return content


def _index(names: list[str]) -> tuple[str, str]:
    """The record that says what the tensors are, and its name without the archive's folder."""
    for kind in ("data.pkl", WEIGHTS):
        found = [name for name in names if name.count("/") == kind.count("/") + 1 and name.endswith(f"/{kind}")]
        if len(found) == 1:
            return found[0], kind
    if any(name.rpartition("/")[2] in EXPORTED_EARLIER for name in names):
        raise Refused(f"is a torch.export program of an earlier torch; {EXPORT_AGAIN}")
    raise Refused("is a zip file without a PyTorch checkpoint; give a .pth, .pt, .ckpt or .safetensors file")


class LegacyArchive(Archive):
    """The format of PyTorch before 1.6: pickles one after the other, then the storages."""

    notes = ("the file has the format of PyTorch before 1.6, which has no checksums: flipped bits are not noticed",)

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        header = [read_pickle(self.bytes, size)[0] for _ in range(3)]  # type: ignore[arg-type]
        if header[:2] != [LEGACY_MAGIC, LEGACY_PROTOCOL] or not isinstance(header[2], dict):
            raise pickle.UnpicklingError("no legacy checkpoint")
        if header[2].get("little_endian") is not True:
            raise Refused(f"was saved on a big-endian machine; load it there and {RESAVE}")
        self.content, stored = read_pickle(self.bytes, size)  # type: ignore[arg-type]
        keys, _ = read_pickle(self.bytes, size)  # type: ignore[arg-type]
        self.places = self._places(keys, {claim.key: claim for claim in map(StorageClaim.of, stored)})

    def _places(self, keys: Any, claims: "dict[str, StorageClaim]") -> dict[str, int]:
        """Where each storage begins; each has its number of elements before it."""
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise pickle.UnpicklingError("no keys of storages")
        places, at = {}, self.bytes.tell()
        for key in keys:
            (count,) = struct.unpack("<q", self.bytes[at : at + 8])
            places[key] = at + 8
            if key not in claims or count != claims[key].count:
                raise Refused(
                    f"is damaged: storage '{key[:50]}' has {count} elements, not as its index says; copy it again"
                )
            at += 8 + claims[key].size
        if at > len(self.bytes):
            raise Refused(f"is truncated: its tensors need {at} bytes, it has {len(self.bytes)}; copy it again")
        return places

    def read(self, key: str, size: int) -> bytearray:
        """The bytes behind the storage's number of elements."""
        if key not in self.places:
            raise Refused(f"is damaged: storage '{key[:50]}' is missing; copy it again")
        return bytearray(self.bytes[self.places[key] : self.places[key] + size])


class StorageClaim:
    """What a pickle says of a storage.

    Attributes:
        key: its name.
        dtype: of its elements.
        count: of its elements.
    """

    def __init__(self, key: str, dtype: torch.dtype, count: int) -> None:
        self.key, self.dtype, self.count = key, dtype, count

    @property
    def size(self) -> int:
        """In bytes."""
        return self.count * self.dtype.itemsize

    @classmethod
    def of(cls, stored: Stored) -> "StorageClaim":
        """The claim of a persistent id.

        Raises:
            Refused: none that is known.
        """
        kind, storage, key, _place, count, *view = (*stored.id, *[None] * 5)[:6]
        if kind != "storage" or not isinstance(storage, Named) or not isinstance(key, str) or not _is_count(count):
            raise pickle.UnpicklingError("no storage")
        name = storage.name.rpartition(".")[2]
        if view != [None] or name not in STORAGES:
            raise Refused(f"holds a tensor of kind '{name[:50]}', which is not supported; {RESAVE}")
        return cls(key, STORAGES[name], count)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**48


def check_directory(file: BinaryIO, size: int) -> None:
    """Refuses a zip directory that would take much memory to read: about ten times its size."""
    file.seek(max(0, size - 2**16 - 22 - 76))
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or at + 22 > len(tail):
        raise zipfile.BadZipFile("no end of directory")
    (length,) = struct.unpack("<I", tail[at + 12 : at + 16])
    if tail[at - 20 : at - 16] == b"PK\6\7" and tail[at - 76 : at - 72] == b"PK\6\6":  # large archives say it there
        (length,) = struct.unpack("<Q", tail[at - 36 : at - 28])
    if length > DIRECTORY:
        raise Refused(f"is an archive of far too many records ({length} bytes of names), which is refused; {RESAVE}")
