// Fits a CSV file and predicts its first rows: fit_csv FILE TARGET

#include <exception>
#include <iostream>
#include <lodestone/lodestone.hpp>

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: fit_csv FILE TARGET\n";
    return 2;
  }
  lodestone::DataSource source;
  source.file = argv[1];
  source.target = argv[2];
  const lodestone::Dataset data = lodestone::read_dataset(source);

  // λ and the number of features are chosen by cross-validation.
  const lodestone::FitResult result = lodestone::fit(data);
  std::cout << result.model << '\n'
            << result.certificate << '\n'
            << "error on rows held out: " << result.chosen().validation_error
            << " of the target's variance\n";

  const lodestone::Vector predicted = result.model.predict(data.X.topRows(3));
  for (lodestone::Index t = 0; t < 3; ++t) {
    std::cout << "row " << t << ": " << data.target << " " << data.y[t] << ", predicted "
              << predicted[t] << '\n';
  }
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
