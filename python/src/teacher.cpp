#include "lodestone/model/teacher.hpp"

#include <nanobind/stl/string.h>

#include "arrays.hpp"
#include "bindings.hpp"
#include "interpreter.hpp"
#include "lodestone/model/recovery.hpp"
#include "results.hpp"
#include "teacher.hpp"

namespace lodestone::python {

Teacher to_teacher(const MatrixIn& directions, const VectorIn& amplitudes) {
  return checked_teacher({view(directions), view(amplitudes)}, "teacher");
}

namespace {

nb::tuple as_arrays(Teacher teacher) {
  return nb::make_tuple(to_numpy(std::move(teacher.directions)),
                        to_numpy(std::move(teacher.amplitudes)));
}

}  // namespace

void bind_teacher(nb::module_& module) {
  module.def(
      "checked_teacher",
      [](const MatrixIn& W, const VectorIn& a) { return as_arrays(to_teacher(W, a)); },
      nb::arg("directions"), nb::arg("amplitudes"));
  module.def(
      "read_teacher",
      [](nb::handle description) { return as_arrays(read_teacher(to_path(description))); },
      nb::arg("description"));
  module.def(
      "write_teacher",
      [](nb::handle path, const MatrixIn& W, const VectorIn& a) {
        write_teacher(to_path(path), to_teacher(W, a));
      },
      nb::arg("path"), nb::arg("directions"), nb::arg("amplitudes"));
  module.def(
      "draw_samples",
      [](const MatrixIn& W, const VectorIn& a, Index n, double noise, std::uint64_t seed) {
        const Teacher teacher = to_teacher(W, a);
        Dataset rows = without_lock([&] { return draw_samples(teacher, n, noise, seed); });
        return nb::make_tuple(to_numpy(std::move(rows.X)), to_numpy(std::move(rows.y)));
      },
      nb::arg("directions"), nb::arg("amplitudes"), nb::arg("n"), nb::arg("noise"),
      nb::arg("seed"));
  module.def(
      "target_variance",
      [](const MatrixIn& W, const VectorIn& a) { return target_variance(to_teacher(W, a)); },
      nb::arg("directions"), nb::arg("amplitudes"));
  module.def(
      "early_condition_number",
      [](const MatrixIn& W, const VectorIn& a) { return early_condition_number(to_teacher(W, a)); },
      nb::arg("directions"), nb::arg("amplitudes"));
  module.def(
      "measure_recovery",
      [](const MatrixIn& directions, const VectorIn& amplitudes, const VectorIn& a,
         const MatrixIn& W) {
        return as_dict(measure_recovery(to_teacher(directions, amplitudes), to_network(a, W)));
      },
      nb::arg("directions"), nb::arg("amplitudes"), nb::arg("a"), nb::arg("W"));
  module.def(
      "merged",
      [](const VectorIn& a, const MatrixIn& W, double angle_deg) {
        Network network = merged(to_network(a, W), angle_deg);
        return nb::make_tuple(to_numpy(std::move(network.a)), to_numpy(std::move(network.W)));
      },
      nb::arg("a"), nb::arg("W"), nb::arg("angle_deg"));
}

}  // namespace lodestone::python
