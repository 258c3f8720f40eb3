// Saves a model and reads it again: what is read predicts the same, to the last bit. Matrices need
// no names of columns. save_and_load [FILE]

#include <cmath>
#include <exception>
#include <iostream>
#include <lodestone/lodestone.hpp>
#include <string>

int main(int argc, char** argv) try {
  const std::string file = argc > 1 ? argv[1] : "model.json";
  // y = |x0 + x1| along a curve.
  Eigen::MatrixXd X(400, 2);
  Eigen::VectorXd y(400);
  for (Eigen::Index t = 0; t < 400; ++t) {
    X.row(t) << std::sin(0.7 * static_cast<double>(t)), std::cos(1.3 * static_cast<double>(t));
    y[t] = std::abs(X(t, 0) + X(t, 1));
  }
  const lodestone::Model fitted = lodestone::fit(X, y).model;

  lodestone::write_model(file, fitted);
  const lodestone::Model loaded = lodestone::read_model(file);
  std::cout << "columns:";
  for (const std::string& name : loaded.columns) std::cout << ' ' << name;
  std::cout << '\n'
            << (fitted.predict(X) == loaded.predict(X) ? "same predictions" : "other predictions")
            << '\n';
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
