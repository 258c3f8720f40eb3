// Built by CI against the installed library: shows that headers, package files and linking work,
// and how the library is used from C++.

#include <cstdio>
#include <exception>
#include <lodestone/lodestone.hpp>

int main() try {
  lodestone::RandomTeacher hidden;
  hidden.d = 8;
  hidden.k = hidden.r = 3;
  const lodestone::Teacher teacher = lodestone::draw_teacher(hidden);
  const lodestone::PopulationObjective objective(teacher);

  lodestone::Algorithm1Options options;
  options.width = 60;
  options.tolerance = 1e-7;
  lodestone::Algorithm1State state;
  const lodestone::Algorithm1Result result = run_algorithm1(objective, options, state);

  const lodestone::Recovery recovery = measure_recovery(teacher, state.network);
  std::printf("lodestone %s: %td of %td directions recovered in %ld steps (%s)\n",
              lodestone::version, recovery.recovered, recovery.teachers, state.steps,
              result.message.text().c_str());
  return recovery.recovered == recovery.teachers ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "consumer: %s\n", error.what());
  return 1;
}
