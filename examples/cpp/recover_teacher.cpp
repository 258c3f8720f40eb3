// Recovers the hidden directions of a random network (the teacher) from its exact population, by
// gradient descent with decreasing weight decay.

#include <exception>
#include <iostream>
#include <lodestone/lodestone.hpp>

int main() try {
  lodestone::RandomTeacher hidden;
  hidden.d = 8;             // inputs
  hidden.k = hidden.r = 3;  // neurons, in general position
  const lodestone::Teacher teacher = lodestone::draw_teacher(hidden);
  const lodestone::PopulationObjective objective(teacher);

  lodestone::Algorithm1Options options;
  options.width = 60;        // neurons of the student
  options.tolerance = 1e-7;  // ends at this share of the loss without neurons
  lodestone::Algorithm1State state;
  const auto result = lodestone::run_algorithm1(objective, options, state);

  std::cout << result.message.text() << '\n'
            << "student: " << state.network << '\n'
            << lodestone::measure_recovery(teacher, state.network) << '\n';
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
