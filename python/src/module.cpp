// lodestone._core: the library for Python, in arrays, numbers and text. The package's Python files
// give it types, names and documentation; nothing here is meant to be called by users.

#include <nanobind/nanobind.h>

#include <string>
#include <string_view>

#include "bindings.hpp"
#include "interpreter.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/parallel.hpp"
#include "lodestone/model/table.hpp"
#include "lodestone/version.hpp"
#include "results.hpp"

namespace nb = nanobind;

namespace {

// Has the package read a Parquet or Arrow file, which the rows of a run may lie in.
std::string convert_table(std::string_view content, const std::string& file) {
  const nb::gil_scoped_acquire lock;
  try {
    const nb::object text = nb::module_::import_("lodestone._tables")
                                .attr("csv_of")(nb::bytes(content.data(), content.size()));
    const auto bytes = nb::cast<nb::bytes>(text);
    return {bytes.c_str(), bytes.size()};
  } catch (nb::python_error& error) {
    if (!error.matches(PyExc_Exception)) throw;  // Ctrl-C
    throw lodestone::FileError(file, std::string(nb::str(error.value()).c_str()));
  }
}

}  // namespace

NB_MODULE(_core, module) {
  module.attr("__version__") = lodestone::version;
  lodestone::set_table_converter(convert_table);

  // A file that cannot be read or written is an OSError to Python, a bad argument a ValueError.
  nb::register_exception_translator([](const std::exception_ptr& raised, void*) {
    try {
      std::rethrow_exception(raised);
    } catch (const lodestone::InvalidArgument& error) {
      PyErr_SetString(PyExc_ValueError,
                      lodestone::python::in_python_words(error.message()).c_str());
    } catch (const lodestone::FileError& error) {
      PyErr_SetString(PyExc_OSError, lodestone::python::in_python_words(error.message()).c_str());
    }
  });

  module.def(
      "set_threads",
      [](int count) {
        if (lodestone::python::AtWork::anybody()) {
          throw std::runtime_error(
              "set_threads: another thread is using lodestone; call it before or afterwards");
        }
        lodestone::set_threads(count);
      },
      nb::arg("count"),
      "Number of threads used from now on, 1 to 1024. Results do not depend on it.\n\n"
      "Raises ValueError outside that range, RuntimeError while another thread is at work.");
  module.def(
      "_seconds_in_library", [] { return lodestone::python::seconds_in_library; },
      "Seconds that this thread's last call spent in the library itself.");
  module.def("threads", &lodestone::threads,
             "Number of threads in use; at the start that of the processors.");

  lodestone::python::bind_model(module);
  lodestone::python::bind_teacher(module);
  lodestone::python::bind_objective(module);
  lodestone::python::bind_fit(module);
  lodestone::python::bind_train(module);
  lodestone::python::bind_flow(module);
  lodestone::python::bind_certify(module);
  lodestone::python::bind_options(module);
}
