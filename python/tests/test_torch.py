"""Networks straight from PyTorch: modules, state dicts, and files of its own exporter.

torch is large, and nothing else here needs it: where it is absent these tests are skipped.
"""

import io

import numpy as np
import onnx
import pytest

import lodestone
from lodestone import Network, from_onnx

torch = pytest.importorskip("torch", reason="torch is not installed")


def two_layers(bias=True, dtype=torch.float32):
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(4, 7, bias=bias), torch.nn.ReLU(), torch.nn.Linear(7, 1, bias=bias)
    ).to(dtype)


def outputs(module, X):
    dtype = next(module.parameters()).dtype
    with torch.no_grad():
        return module(torch.tensor(X, dtype=dtype))[:, 0].numpy()


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(3).normal(size=(30, 4))


def tolerance(dtype):
    return {torch.float32: 1e-6, torch.float64: 1e-12}[dtype]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_modules_and_state_dicts(bias, dtype, X):
    module = two_layers(bias, dtype)
    for source in (module, module.state_dict()):
        found = Network.of(source).predict(X)
        np.testing.assert_allclose(found, outputs(module, X), atol=tolerance(dtype))


@pytest.mark.parametrize("dynamo", [True, False], ids=["torch.export", "TorchScript"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.filterwarnings("ignore")
def test_what_torch_exports_to_onnx(dynamo, bias, dtype, X):
    if dynamo:
        pytest.importorskip("onnxscript", reason="torch exports with onnxscript")
    module = two_layers(bias, dtype)
    example = torch.tensor(X[:2], dtype=dtype)
    file = io.BytesIO()
    if dynamo:
        torch.onnx.export(module, (example,), dynamo=True, verbose=False).save(file)
    else:
        torch.onnx.export(module, (example,), file, dynamo=False)
    network = from_onnx(onnx.load_from_string(file.getvalue()))
    assert network.width == 7
    np.testing.assert_allclose(network.predict(X), outputs(module, X), atol=tolerance(dtype))


def test_a_module_is_certified(X):
    y = np.maximum(0.0, X[:, 0])
    judged = lodestone.certify(two_layers(), X, y)
    assert judged.certificate.relative_gap > 0


@pytest.mark.parametrize("layers, says", [((4, 3, 3, 1), "3 layers"), ((4, 3, 2), "2 outputs")])
def test_other_modules_are_refused(layers, says):
    module = torch.nn.Sequential(*(torch.nn.Linear(a, b) for a, b in zip(layers, layers[1:])))
    with pytest.raises(ValueError, match=says):
        Network.of(module)
