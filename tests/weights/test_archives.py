import io
import zipfile

import pytest
import torch
from torch import nn

from weights import WeightsError
from weights.files import read_tensors

DTYPES = (torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.int8, torch.uint16, torch.complex64)


@pytest.mark.parametrize("legacy", [False, True])
def test_every_type_and_view_as_torch_reads_it(save, legacy):
    base = torch.arange(24.0).reshape(2, 3, 4)
    state = {"t": base.transpose(0, 2), "part": base[1, 1:], "one": torch.tensor(3.5), "none": torch.empty(0, 3)}
    state |= {"wide": torch.ones(1).expand(1000, 1000), "parameter": nn.Parameter(base[0])}
    state |= {str(dtype): base.to(dtype) for dtype in (DTYPES[:3] if legacy else DTYPES)}
    path = save(state, legacy=legacy)
    wanted, found = torch.load(path, weights_only=True), read_tensors(path).tensors
    assert list(found) == list(wanted)
    for name, tensor in wanted.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].stride() == tensor.stride() or name == "none"
        assert torch.equal(found[name].double(), tensor.double()) if not tensor.is_complex() else True


def test_every_flipped_bit_of_the_weights_is_noticed(network, save):
    path = save(network.state_dict())
    whole = path.read_bytes()
    tensors = read_tensors(path).tensors
    flipped = 0
    for name, tensor in tensors.items():
        at = whole.index(tensor.numpy().tobytes())
        for byte in range(at, at + tensor.nbytes, 7):
            path.write_bytes(whole[:byte] + bytes([whole[byte] ^ 1 << byte % 8]) + whole[byte + 1 :])
            with pytest.raises(WeightsError, match=r"record 'data/\d' does not match its checksum; copy it"):
                read_tensors(path)
            flipped += 1
        assert flipped, name
    assert flipped > 30


def test_other_zip_files_say_what_they_are(tmp_path):
    for name, said in (
        ("model.weights.h5", "is a Keras model; .*cambench convert keras"),
        ("readme.txt", "is a zip file without a PyTorch"),
    ):
        with zipfile.ZipFile(tmp_path / "m.pth", "w") as archive:
            archive.writestr(name, "x")
        with pytest.raises(WeightsError, match=said):
            read_tensors(tmp_path / "m.pth")


def test_a_big_endian_file_says_so(network, save):
    path = save(network.state_dict())
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w") as new:
        for record in old.infolist():
            new.writestr(record.filename, b"big" if record.filename.endswith("byteorder") else old.read(record))
    path.write_bytes(buffer.getvalue())
    with pytest.raises(WeightsError, match="saved on a big-endian machine"):
        read_tensors(path)
