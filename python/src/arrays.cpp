#include "arrays.hpp"

#include "lodestone/core/error.hpp"

namespace lodestone::python {

std::string to_path(nb::handle path) {
  PyObject* encoded = nullptr;
  if (PyUnicode_FSConverter(path.ptr(), &encoded) == 0) throw nb::python_error();
  const auto bytes = nb::steal<nb::bytes>(encoded);
  return {bytes.c_str(), bytes.size()};
}

Network to_network(const VectorIn& a, const MatrixIn& W) {
  if (a.shape(0) != W.shape(0)) {
    throw InvalidArgument("a", std::to_string(a.shape(0)) + " numbers",
                          "W has " + std::to_string(W.shape(0)) + " rows, one for each neuron");
  }
  return {view(a), view(W)};
}

Dataset to_dataset(const MatrixIn& X, const VectorIn& y, const std::optional<VectorIn>& weights,
                   std::vector<std::string> columns, std::string target) {
  const std::string rows = std::to_string(X.shape(0));
  if (y.shape(0) != X.shape(0)) {
    throw InvalidArgument("y", std::to_string(y.shape(0)) + " numbers", "X has " + rows + " rows");
  }
  if (weights && weights->shape(0) != X.shape(0)) {
    throw InvalidArgument("sample_weight", std::to_string(weights->shape(0)) + " numbers",
                          "X has " + rows + " rows");
  }
  if (columns.size() != X.shape(1)) {
    throw InvalidArgument("columns", std::to_string(columns.size()) + " names",
                          "X has " + std::to_string(X.shape(1)) + " columns");
  }
  Dataset data;
  data.X = view(X);
  data.y = view(y);
  if (!data.X.allFinite()) throw InvalidArgument("X", "nan or infinity", "must be finite");
  if (!data.y.allFinite()) throw InvalidArgument("y", "nan or infinity", "must be finite");
  if (weights) data.weights = view(*weights);
  data.columns = std::move(columns);
  data.target = std::move(target);
  return data;
}

void set_offset(Dataset& data, const std::optional<VectorIn>& offset, const std::string& name) {
  if (!offset) return;
  data.offset = view(*offset);
  data.offset_column = name;
  data = checked_dataset(std::move(data));
}

Vector to_offset(const std::optional<VectorIn>& offset) {
  return offset ? Vector(view(*offset)) : Vector();
}

}  // namespace lodestone::python
