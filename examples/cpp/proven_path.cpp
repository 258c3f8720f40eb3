// The path of a population with proofs: no network of any width has a smaller penalized loss than
// the one that is shown minus its gap, and that is a theorem about this teacher, not an estimate.

#include <exception>
#include <iostream>
#include <lodestone/lodestone.hpp>

int main() try {
  lodestone::RandomTeacher hidden;
  hidden.d = 6;
  hidden.k = hidden.r = 2;
  const lodestone::Teacher teacher = lodestone::draw_teacher(hidden);
  const lodestone::PopulationObjective objective(teacher);

  lodestone::PathOptions options;
  options.lambdas = 4;
  options.lambda_ratio = 1e-2;
  options.rigorous = true;
  lodestone::PathObserver observer;
  observer.on_point = [](const lodestone::PathPoint& point, int index, int count) {
    std::cout << "lambda " << index + 1 << " of " << count << ": " << point.certificate << '\n';
    return true;  // false would end the path here
  };
  const auto path = lodestone::solve_path(objective, options, observer);
  std::cout << "network at the last lambda: " << path.points.back().network << '\n';
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
