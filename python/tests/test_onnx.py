"""ONNX out and in: the same predictions in another program."""

import json
import subprocess

import numpy as np
import onnx
import onnxruntime
import pandas
import pytest
from conftest import PROGRAM, class_rows, command_line, count_rows, quick, ridge_rows
from onnx import TensorProto, helper, numpy_helper
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import lodestone
from lodestone import Network, from_onnx, to_onnx


def run_onnx(proto, X):
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    return session.run(None, {"x": X})[0]


def random_network(m=7, d=4, seed=0):
    random = np.random.default_rng(seed)
    return Network(random.normal(size=m), random.normal(size=(m, d)), random.normal(size=m),
                   0.7, random.normal(size=d))


@pytest.fixture(scope="module")
def fitted():
    X, y = ridge_rows(200, 4)
    # Columns far from zero, as years are.
    return quick().fit(X + [2000.0, 0.0, -50.0, 3.0], y), X + [2000.0, 0.0, -50.0, 3.0]


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-6), ("float32", 1e-3)])
def test_onnxruntime_predicts_what_the_model_does(fitted, dtype, tolerance):
    regressor, X = fitted
    proto = to_onnx(regressor, dtype=dtype)
    expected = regressor.predict(X)
    found = run_onnx(proto, X.astype(dtype))
    assert found.dtype == dtype and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * expected.std())
    assert proto.opset_import[0].version == 13
    assert [one.name for one in proto.graph.input] == ["x"]
    properties = {one.key: one.value for one in proto.metadata_props}
    assert json.loads(properties["columns"]) == ["x0", "x1", "x2", "x3"]


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-9), ("float32", 1e-3)])
@pytest.mark.parametrize("family", ["logistic", "poisson"])
def test_classes_and_counts_have_a_score_beside_their_prediction(family, dtype, tolerance):
    if family == "logistic":
        X, y = class_rows()
        model = lodestone.LodestoneClassifier(weight_decay=0.02).fit(X, np.array(["no", "yes"])[y])
        expected = model.predict_proba(X)[:, 1]
    else:
        X, y = count_rows()
        model = lodestone.LodestoneRegressor(weight_decay=0.02, family="poisson").fit(X, y)
        expected = model.predict(X)
    proto = to_onnx(model, dtype=dtype)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    assert [one.name for one in session.get_outputs()] == ["y", "score"]
    predicted, scores = session.run(None, {"x": X.astype(dtype)})
    np.testing.assert_allclose(predicted, expected, rtol=tolerance)
    np.testing.assert_allclose(scores, model.model_.scores(X), rtol=tolerance, atol=tolerance)
    properties = {one.key: one.value for one in proto.metadata_props}
    assert properties["family"] == family
    assert (properties.get("classes") == '["no", "yes"]') == (family == "logistic")
    np.testing.assert_allclose(from_onnx(proto).predict(X), scores, rtol=tolerance, atol=tolerance)


def test_single_rows_and_networks_without_neurons():
    linear = Network(np.zeros(0), np.zeros((0, 2)), None, 1.0, [2.0, -1.0])
    X = np.array([[1.0, 2.0]])
    assert run_onnx(to_onnx(linear), X) == pytest.approx([1.0])
    assert from_onnx(to_onnx(linear)).predict(X) == pytest.approx([1.0])


def test_what_goes_out_comes_back(tmp_path):
    network = random_network()
    network.to_onnx(tmp_path / "network.onnx")
    back = Network.from_onnx(tmp_path / "network.onnx")
    X = np.random.default_rng(1).normal(size=(50, 4))
    np.testing.assert_allclose(back.predict(X), network.predict(X), rtol=1e-12)
    assert Network.of(to_onnx(network)).width == network.width


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scikit_learn_through_skl2onnx(dtype):
    from skl2onnx import to_onnx as export

    X, y = ridge_rows(100, 3)
    pipeline = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(9,), solver="lbfgs", random_state=0)
    ).fit(X, y)
    network = from_onnx(export(pipeline, X[:1].astype(dtype)))
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(network.predict(X), pipeline.predict(X), rtol=tolerance,
                               atol=tolerance)
    judged = lodestone.certify(network, X, y)
    assert judged.certificate.relative_gap > 0


def graph_of(nodes, constants, width=4):
    return helper.make_model(
        helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["n", width])],
            [helper.make_tensor_value_info("y", TensorProto.DOUBLE, ["n", 1])],
            [numpy_helper.from_array(np.asarray(v, dtype=float), k) for k, v in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )


def as_pytorch_writes(network):
    """Two linear layers are Gemm nodes with transposed weights, all attributes written out."""
    gemm = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1}
    return graph_of(
        [
            helper.make_node("Gemm", ["x", "0.weight", "0.bias"], ["h"], **gemm),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Gemm", ["r", "2.weight", "2.bias"], ["y"], **gemm),
        ],
        {"0.weight": network.W, "0.bias": network.b, "2.weight": network.a[None, :],
         "2.bias": [0.7]},
    )


def test_what_pytorch_exports():
    proto = as_pytorch_writes(random_network())
    X = np.random.default_rng(2).normal(size=(20, 4))
    np.testing.assert_allclose(from_onnx(proto).predict(X), run_onnx(proto, X)[:, 0], rtol=1e-12)


def test_weights_in_a_file_beside_the_graph(tmp_path, monkeypatch):
    """PyTorch writes them so, unless told otherwise."""
    network = random_network(m=300)
    onnx.save(as_pytorch_writes(network), tmp_path / "net.onnx", save_as_external_data=True,
              location="net.onnx.data")
    assert (tmp_path / "net.onnx.data").stat().st_size > 4 * 300 * 8
    X = np.random.default_rng(2).normal(size=(20, 4))
    expected = run_onnx(as_pytorch_writes(network), X)[:, 0]
    np.testing.assert_allclose(from_onnx(tmp_path / "net.onnx").predict(X), expected, rtol=1e-12)
    monkeypatch.chdir(tmp_path)
    np.testing.assert_allclose(from_onnx("net.onnx").predict(X), expected, rtol=1e-12)
    (tmp_path / "net.onnx.data").unlink()
    with pytest.raises(OSError, match="net.onnx: its weights cannot be read"):
        from_onnx(tmp_path / "net.onnx")


def test_a_linear_path_around_the_neurons():
    network = random_network()
    proto = graph_of(
        [
            helper.make_node("MatMul", ["x", "W"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("MatMul", ["r", "a"], ["f"]),
            helper.make_node("Neg", ["x"], ["minus"]),
            helper.make_node("MatMul", ["minus", "beta"], ["l"]),
            helper.make_node("Sub", ["f", "l"], ["s"]),
            helper.make_node("Div", ["s", "two"], ["y"]),
        ],
        {"W": network.W.T, "a": network.a[:, None], "beta": network.beta[:, None], "two": [2.0]},
    )
    X = np.random.default_rng(2).normal(size=(20, 4))
    np.testing.assert_allclose(from_onnx(proto).predict(X), run_onnx(proto, X)[:, 0], rtol=1e-12)


@pytest.mark.parametrize(
    "nodes, says",
    [
        ([("Relu", "x", "a"), ("Relu", "a", "y")], "more than one hidden layer"),
        ([("Tanh", "x", "y")], "operator Tanh"),
        ([("Relu", "x", "y")], "4 outputs a row"),
    ],
)
def test_other_graphs_are_refused(nodes, says):
    made = [helper.make_node(kind, [given], [result]) for kind, given, result in nodes]
    with pytest.raises(ValueError, match=says):
        from_onnx(graph_of(made, {}))


def test_bad_arguments(tmp_path):
    with pytest.raises(ValueError, match="dtype"):
        to_onnx(random_network(), dtype="float16")
    with pytest.raises(TypeError, match="network: got int"):
        to_onnx(3)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    with pytest.raises(OSError, match="not an ONNX model"):
        from_onnx(broken)
    with pytest.raises(FileNotFoundError):
        from_onnx(tmp_path / "absent.onnx")
    with pytest.raises(OSError):
        to_onnx(random_network(), tmp_path / "no" / "folder.onnx")
    assert not list(tmp_path.glob(".lodestone-*"))


def test_the_command_line_exports(tmp_path, python_of_tests):
    X, y = ridge_rows(80, 3)
    np.savetxt(tmp_path / "t.csv", np.column_stack([X, y]), delimiter=",", header="a,b,c,y",
               comments="", fmt="%.17g")
    command_line("fit", "--data", "t.csv", "--target", "y", "--lambdas", "5", "--lambda-ratio",
                 "0.05", "--out", "run", cwd=tmp_path)
    said = json.loads(command_line("export", "run", "--json", cwd=tmp_path))
    assert said["columns"] == ["a", "b", "c"]
    proto = onnx.load(tmp_path / said["file"])
    model = lodestone.Model.read(str(tmp_path / "run" / "model.json"))
    np.testing.assert_allclose(run_onnx(proto, X), model.predict(X), rtol=1e-6, atol=1e-9)
    again = subprocess.run([PROGRAM, "export", "run"], cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 2
    assert again.stderr.startswith("lodestone: error:") and "--overwrite" in again.stderr
    assert again.stderr.count("\n") == 1


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-12), ("float32", 1e-3)])
def test_scaling_before_the_model_is_part_of_the_graph(dtype, tolerance):
    from sklearn.model_selection import GridSearchCV
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, PolynomialFeatures, RobustScaler

    X, y = ridge_rows(80)
    X = 1000.0 + X * [1.0, 20.0, 0.1]
    for steps in ([StandardScaler()], [StandardScaler(with_mean=False)], [RobustScaler()],
                  [MaxAbsScaler()], [MinMaxScaler((-1, 3)), StandardScaler(with_std=False)],
                  ["passthrough"]):
        pipeline = make_pipeline(*steps, quick()).fit(X, y)
        got = run_onnx(to_onnx(pipeline, dtype=dtype), X.astype(dtype))
        assert np.abs(got - pipeline.predict(X)).max() <= tolerance * max(1.0, np.abs(y).max())
    search = GridSearchCV(make_pipeline(StandardScaler(), quick()),
                          {"lodestoneregressor__max_features": [1, 2]}, cv=2).fit(X, y)
    assert run_onnx(to_onnx(search), X) == pytest.approx(search.predict(X))
    other = make_pipeline(PolynomialFeatures(2, include_bias=False), quick()).fit(X - 1000.0, y)
    with pytest.raises(ValueError, match="PolynomialFeatures does more"):
        to_onnx(other)


def test_smooth_functions_and_categories_are_in_the_graph(tmp_path, python_of_tests):
    """Smooth functions as their relus; of categories the 0/1 columns that the model knows."""
    random = np.random.default_rng(0)
    town = np.array(["Jena", "Gera", "Weimar"])[random.integers(0, 3, 300)]
    frame = pandas.DataFrame({"a": random.normal(size=300), "b": random.normal(size=300), "town": town})
    y = np.sin(2.0 * (frame["a"] + frame["b"])) + 0.5 * (town == "Gera")
    model = quick(shape="smooth").fit(frame, y + 0.1 * random.normal(size=300))
    assert 0 < len(model.model_.ridges) < len(model.amplitudes_)
    columns = ["a", "b", "town=Gera", "town=Jena", "town=Weimar"]
    X = np.column_stack([frame["a"], frame["b"], *(town == name for name in ("Gera", "Jena", "Weimar"))])
    for dtype, tolerance in (("float64", 1e-9), ("float32", 1e-3)):
        proto = to_onnx(model, dtype=dtype)
        properties = {one.key: one.value for one in proto.metadata_props}
        assert json.loads(properties["columns"]) == columns
        np.testing.assert_allclose(run_onnx(proto, X.astype(dtype)), model.predict(frame), rtol=tolerance,
                                   atol=tolerance)
    np.testing.assert_allclose(from_onnx(to_onnx(model)).predict(X), model.predict(frame), rtol=1e-9,
                               atol=1e-9)
    model.model_.write(tmp_path / "model.json")
    said = json.loads(command_line("export", "model.json", "--json", cwd=tmp_path))
    assert said["columns"] == columns
    np.testing.assert_allclose(run_onnx(onnx.load(tmp_path / said["file"]), X), model.predict(frame),
                               rtol=1e-9, atol=1e-9)
