#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/tables/formats.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/model/model.hpp"

namespace lodestone {
namespace {

constexpr const char* known_names =
    "a network is a and W, coefs_0 and coefs_1 (scikit-learn), or two arrays that end in .weight "
    "(PyTorch)";

/// The arrays of an archive by name. What is absent is an empty matrix.
class Arrays {
 public:
  explicit Arrays(const std::string& path) : path_(path), content_(read_file(path)) {
    if (!io::is_npz(content_)) {
      throw FileError(path, "is not an NPZ archive; save the network with numpy.savez");
    }
    names_ = io::npz_names(content_, path);
  }

  const std::vector<std::string>& names() const { return names_; }
  bool has(const std::string& name) const {
    return std::find(names_.begin(), names_.end(), name) != names_.end();
  }

  Matrix matrix(const std::string& name) const {
    if (!has(name)) fail(name, fmt::format("is missing; {}", known_names));
    Matrix values = io::parse_npz(content_, path_, name, io::Wanted::any);
    if (!values.allFinite()) fail(name, "holds nan or infinity");
    return values;
  }

  /// As many numbers as said, in any arrangement.
  Vector vector(const std::string& name, Index size) const {
    const Matrix values = matrix(name);
    if (values.size() != size || std::min(values.rows(), values.cols()) != 1) {
      fail(name, fmt::format("has shape ({}, {}); {} numbers are needed", values.rows(),
                             values.cols(), size));
    }
    return Eigen::Map<const Vector>(values.data(), size);
  }

  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw FileError(fmt::format("{}:{}", path_, name), what);
  }

 private:
  std::string path_;
  std::string content_;
  std::vector<std::string> names_;
};

struct Parts {
  Vector a;
  Matrix W;  // m×d
  Vector b;  // m, or empty
  double alpha = 0.0;
  Vector beta;  // d, or empty
};

// The output layer's weights, one number a neuron.
Vector output_weights(const Arrays& arrays, const std::string& name, Index m, bool by_rows) {
  const Matrix values = arrays.matrix(name);
  const Index outputs = by_rows ? values.rows() : values.cols();
  if (outputs != 1 && values.size() != m) {
    arrays.fail(
        name, fmt::format("is a layer of {} outputs; only networks of one are certified", outputs));
  }
  return arrays.vector(name, m);
}

Parts own_parts(const Arrays& arrays) {
  Parts parts;
  parts.W = arrays.matrix("W");
  const Index m = parts.W.rows();
  parts.a = arrays.vector("a", m);
  if (arrays.has("b")) parts.b = arrays.vector("b", m);
  if (arrays.has("alpha")) parts.alpha = arrays.vector("alpha", 1)[0];
  if (arrays.has("beta")) parts.beta = arrays.vector("beta", parts.W.cols());
  return parts;
}

Parts scikit_learn_parts(const Arrays& arrays) {
  if (arrays.has("coefs_2")) {
    arrays.fail("coefs_2", "is a third layer; only networks of two are certified");
  }
  Parts parts;
  parts.W = arrays.matrix("coefs_0").transpose();
  const Index m = parts.W.rows();
  parts.a = output_weights(arrays, "coefs_1", m, false);
  if (arrays.has("intercepts_0")) parts.b = arrays.vector("intercepts_0", m);
  if (arrays.has("intercepts_1")) parts.alpha = arrays.vector("intercepts_1", 1)[0];
  return parts;
}

Parts torch_parts(const Arrays& arrays, const std::vector<std::string>& layers) {
  Parts parts;
  parts.W = arrays.matrix(layers[0] + ".weight");
  const Index m = parts.W.rows();
  parts.a = output_weights(arrays, layers[1] + ".weight", m, true);
  if (arrays.has(layers[0] + ".bias")) parts.b = arrays.vector(layers[0] + ".bias", m);
  if (arrays.has(layers[1] + ".bias")) parts.alpha = arrays.vector(layers[1] + ".bias", 1)[0];
  return parts;
}

Parts read_parts(const Arrays& arrays, const std::string& path) {
  constexpr std::string_view suffix = ".weight";
  std::vector<std::string> layers;  // in the order of the archive, which is that of the network
  for (const std::string& name : arrays.names()) {
    if (name.ends_with(suffix)) layers.push_back(name.substr(0, name.size() - suffix.size()));
  }
  if (arrays.has("W") || arrays.has("a")) return own_parts(arrays);
  if (arrays.has("coefs_0")) return scikit_learn_parts(arrays);
  if (layers.size() == 2) return torch_parts(arrays, layers);
  if (layers.empty()) throw FileError(path, fmt::format("holds no network; {}", known_names));
  throw FileError(path, fmt::format("holds {} layer{}; only networks of two are certified",
                                    layers.size(), layers.size() == 1 ? "" : "s"));
}

}  // namespace

Model read_network_arrays(const std::string& path) {
  const Parts parts = read_parts(Arrays(path), path);
  return model_of_network(parts.a, parts.W, parts.b, parts.alpha, parts.beta);
}

}  // namespace lodestone
