#pragma once

#include <memory>
#include <mutex>
#include <variant>

#include "kernels/sample.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone {

using Float32Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Inputs in float32 beside those in float64.
struct Float32Copy {
  std::once_flag made;
  Float32Matrix values;
  bool usable = false;
};

// The rows of a table and which of them count. Inputs and targets are shared by objectives that
// leave out different rows.
struct SampleObjective::Rows {
  std::shared_ptr<const std::variant<Matrix, Float32Matrix>> X;  // n×p
  std::shared_ptr<const Vector> y;                               // n
  std::shared_ptr<const Vector> weights;                         // n, or none: equal
  bool biases = false;
  Family family;
  kernels::RowBlocks visited;
  std::shared_ptr<const Vector> offset;  // n, or none; the square loss has it off its targets
  SignConstraints constraints = {};
  Vector slope_ridge = {};  // p, of a quadratic model: ridge on each β_j; empty: that of the family
  std::shared_ptr<Float32Copy> float32 = std::make_shared<Float32Copy>();

  // The inputs in float32, made when first asked for; none where a number is out of its range.
  const Float32Matrix* in_float32() const {
    if (const auto* stored = std::get_if<Float32Matrix>(X.get())) return stored;
    std::call_once(float32->made, [&] {
      float32->values = std::get<Matrix>(*X).cast<float>();
      float32->usable = float32->values.allFinite();
    });
    return float32->usable ? &float32->values : nullptr;
  }

  Index count() const { return y->size(); }
  bool has_offset() const { return offset->size() > 0; }

  // Calls kernel(rows) with the inputs as kernels read them.
  template <class Kernel>
  decltype(auto) visit(const Kernel& kernel) const {
    return std::visit(
        [&]<class M>(const M& values) {
          return kernel(kernels::SampleRows<typename M::Scalar>{values.data(), values.cols(),
                                                                biases, visited});
        },
        *X);
  }
};

}  // namespace lodestone
