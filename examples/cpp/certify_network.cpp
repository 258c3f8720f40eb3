// How far is a network of one's own from the best network of any width? The certificate bounds
// the distance, wherever the weights come from.

#include <exception>
#include <iostream>
#include <lodestone/lodestone.hpp>

int main() try {
  // Rows of y = 2 relu(x0) + noise.
  lodestone::Teacher teacher{lodestone::Matrix::Identity(1, 2),
                             lodestone::Vector::Constant(1, 2.0)};
  const lodestone::Dataset rows = lodestone::draw_samples(teacher, 500, 0.1, 1);

  // Two networks a·relu(W x): one looks into the right direction, one beside it. The weight decay
  // makes the best amplitude a little smaller than the teacher's.
  const lodestone::Vector a = lodestone::Vector::Constant(1, 1.89);
  lodestone::Matrix right(1, 2);
  lodestone::Matrix beside(1, 2);
  right << 1.0, 0.0;
  beside << 0.6, 0.8;

  lodestone::CertifyOptions options;
  options.lambda = 0.01;
  for (const lodestone::Matrix& W : {right, beside}) {
    const lodestone::Model model = lodestone::model_of_network(a, W);
    const auto found = lodestone::certify_model(model, rows, rows.weights, options);
    std::cout << (found.certificate.relative_gap < 0.05 ? "nearly optimal: " : "far from it: ")
              << found.certificate << '\n';
  }
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
