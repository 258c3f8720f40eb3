// Row weights, and folds of one's own: rows of four sites, where a model is to be judged on sites
// that it has not seen.

#include <exception>
#include <iostream>
#include <lodestone/lodestone.hpp>

int main() try {
  lodestone::RandomTeacher hidden;
  hidden.d = 4;
  hidden.k = hidden.r = 2;
  lodestone::Dataset rows = lodestone::draw_samples(lodestone::draw_teacher(hidden), 400, 0.1, 1);
  // The last site's rows were measured four times each: they count for more.
  rows.weights = lodestone::Vector::Ones(400);
  rows.weights.tail(100).setConstant(4.0);

  lodestone::FitOptions options;
  for (lodestone::Index site = 0; site < 4; ++site) {
    lodestone::Split fold;
    for (lodestone::Index t = 0; t < 400; ++t) {
      (t / 100 == site ? fold.held_out : fold.training).push_back(t);
    }
    options.splits.push_back(fold);
  }
  options.select = lodestone::Selection::one_standard_error;  // the simplest that is as good

  const lodestone::FitResult result = lodestone::fit(rows, options);
  const lodestone::Candidate& chosen = result.chosen();
  std::cout << chosen.feature_count << " features, judged on " << chosen.parts.size() << " sites\n"
            << "error " << chosen.validation_error << " of the variance, give or take "
            << chosen.standard_error << '\n';
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
