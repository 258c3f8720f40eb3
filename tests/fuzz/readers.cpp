#include "fuzz/readers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <type_traits>

#include "io/name_list.hpp"
#include "io/tables/formats.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/io/config/option.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/io/runs/fit_files.hpp"
#include "lodestone/io/runs/run_folder.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/describe.hpp"
#include "lodestone/model/intervals.hpp"
#include "lodestone/model/model.hpp"
#include "lodestone/model/table.hpp"
#include "lodestone/model/teacher.hpp"
#include "lodestone/runs/options.hpp"
#include "lodestone/runs/train_files.hpp"
#include "lodestone/train/schedule.hpp"
#include "lodestone/verifier/verifier.hpp"

namespace lodestone::fuzz {
namespace {

using Folder = support::TemporaryFolder;
using support::same_bits;

/// What a call returns, or nothing where it refuses with an Error.
template <class Call>
auto unless_refused(const Call& call) -> std::optional<std::invoke_result_t<Call>> {
  try {
    return call();
  } catch (const Error&) {
    return std::nullopt;
  }
}

void require(bool holds, const char* promise) {
  if (!holds) throw Fault(std::string("broken: ") + promise);
}

bool same_array(const std::optional<Matrix>& left, const std::optional<Matrix>& right) {
  if (left.has_value() != right.has_value()) return false;
  return !left || same_bits(*left, *right);
}

void read_table_file(const Folder& folder, std::string_view bytes) {
  const std::string file = folder.write("table", bytes);
  unless_refused([&] { return read_vector(file); });
  const auto table = unless_refused([&] { return read_table(file); });
  if (!table) return;
  require(table->values.allFinite(), "a table holds finite numbers");
  const std::string copy = folder.file("copy.csv");
  write_csv(copy, *table);
  const Table again = read_table(copy);
  require(again.names == table->names, "names are read as they were written");
  require(same_bits(again.values, table->values), "numbers are read as they were written");
}

/// How to read a data set, from the first bytes of an input.
DataSource source_of(std::string_view bytes) {
  const auto flag = [&](std::size_t byte, unsigned mask) {
    return (static_cast<unsigned char>(bytes[byte]) & mask) != 0;
  };
  DataSource source;
  source.one_hot = flag(0, 1);
  source.missing = flag(0, 2) ? Missing::drop : flag(0, 4) ? Missing::indicator : Missing::refuse;
  source.text_classes = flag(0, 8);
  source.several_classes = flag(0, 16);
  if (flag(1, 1)) source.weights = "w";
  if (flag(1, 2)) source.offset = "o";
  if (flag(1, 4)) source.groups = "g";
  if (flag(1, 8)) source.exclude = {"0"};
  // A number, "y" or other letters, or two targets.
  source.target = bytes[2] == 'm' ? "y,z" : std::string(1, bytes[2]);
  return source;
}

void read_data_set(const Folder& folder, std::string_view bytes) {
  constexpr std::size_t option_bytes = 3;
  if (bytes.size() < option_bytes) return;
  DataSource source = source_of(bytes);
  source.file = folder.write("table", bytes.substr(option_bytes));
  const auto data = unless_refused([&] { return read_dataset(source); });
  if (!data) return;
  const Index rows = data->X.rows();
  require(data->X.allFinite() && data->y.allFinite(), "a data set holds finite numbers");
  require(rows > 0 && data->y.size() == rows, "each row has a target");
  require(data->X.cols() == static_cast<Index>(data->columns.size()), "each column has a name");
  const Dataset again = read_dataset_like(*data, source, source.file);
  require(again.X.cols() == data->X.cols(), "the same columns again");
  // A second file needs no groups, so its rows without one stay.
  const bool all_rows_stay = source.groups.empty() || source.missing != Missing::drop;
  require(all_rows_stay ? again.X.rows() == rows : again.X.rows() >= rows, "the same rows again");
  // What an imputation stands for is NaN there.
  require(again.X.rows() > rows ||
              (again.X.array().isNaN() || again.X.array() == data->X.array()).all(),
          "the same numbers again");
  unless_refused([&] {
    return read_inputs(source, data->columns, data->encodings, data->classes, data->imputations);
  });
}

void read_npy_file(const Folder& folder, std::string_view bytes) {
  const std::string file = folder.write("array.npy", bytes);
  std::optional<Matrix> values;
  for (const io::Wanted wanted : {io::Wanted::table, io::Wanted::vector, io::Wanted::any}) {
    values = unless_refused([&] { return io::parse_npy(bytes, file, wanted); });
    const auto by_blocks = unless_refused([&] { return io::read_npy(file, wanted); });
    require(same_array(values, by_blocks), "memory and file hold the same array");
  }
  if (!values || !values->allFinite()) return;
  const std::string copy = folder.file("copy.npy");
  write_npy(copy, *values);
  require(same_bits(io::read_npy(copy, io::Wanted::table), *values),
          "an array is read as it was written");
}

/// Uses a model as its verbs do.
void use(const Model& model) {
  const Index d = model.dimension();
  Matrix X(3, d);
  for (Index i = 0; i < X.size(); ++i) X.data()[i] = static_cast<double>(i % 7) - 3.0;
  const Vector offset = model.offset_column.empty() ? Vector() : Vector::Ones(X.rows());
  const Matrix predictions = model.predict_outputs(X, offset);
  require(predictions.rows() == X.rows() && predictions.cols() == model.output_count(),
          "a prediction for each row and output");
  describe(model);
  extrapolation_warnings(model, X);
  unless_refused([&] { return to_standardized(model); });
}

void use_and_copy(const Folder& folder, const Model& model) {
  use(model);
  const std::string copy = folder.file("copy.json");
  write_model(copy, model);
  const std::string text = folder.read("copy.json");
  write_model(copy, read_model(copy));
  require(folder.read("copy.json") == text, "a model is read as it was written");
}

void read_archive(const Folder& folder, std::string_view bytes) {
  const std::string file = folder.write("arrays.npz", bytes);
  unless_refused([&] { return read_vector(file); });
  unless_refused([&] { return read_table(file); });
  const auto model = unless_refused([&] { return read_network_arrays(file); });
  if (model) use_and_copy(folder, *model);
}

void read_converted(const Folder&, std::string_view bytes) {
  const auto table = unless_refused([&] { return io::parse_converted(bytes, "table"); });
  if (!table) return;
  const std::vector<Index> columns = table->all_columns();
  const auto texts =
      unless_refused([&] { return io::parse_converted_text(bytes, "table", columns); });
  if (!texts) return;
  require(texts->size() == columns.size(), "a text column for each column");
  for (const io::TextColumn& text : *texts) {
    require(static_cast<Index>(text.codes.size()) == table->values.rows(), "a code for each row");
  }
}

void read_model_file(const Folder& folder, std::string_view bytes) {
  const std::string file = folder.write("model.json", bytes);
  const auto model = unless_refused([&] { return read_model(file); });
  if (model) use_and_copy(folder, *model);
}

void read_curve_file(const Folder& folder, std::string_view bytes) {
  const std::string file = folder.write("curve.json", bytes);
  const auto models = unless_refused([&] { return read_curve(file); });
  if (!models) return;
  for (const Model& model : *models) use(model);
}

void read_intervals_file(const Folder& folder, std::string_view bytes) {
  const std::string file = folder.write("intervals.json", bytes);
  const auto intervals = unless_refused([&] { return read_intervals(file); });
  if (!intervals) return;
  if (!intervals->empty()) {
    const Matrix X = Matrix::Ones(2, intervals->folds.front().model.dimension());
    unless_refused([&] { return intervals->around(X, 0.9); });
  }
  const std::string copy = folder.file("copy.json");
  write_intervals(copy, *intervals);
  const std::string text = folder.read("copy.json");
  write_intervals(copy, read_intervals(copy));
  require(folder.read("copy.json") == text, "intervals are read as they were written");
}

void read_teacher_file(const Folder& folder, std::string_view bytes) {
  const std::string file = folder.write("teacher.json", bytes);
  const auto teacher = unless_refused([&] { return read_teacher(file); });
  if (!teacher) return;
  require(teacher->directions.allFinite() && teacher->amplitudes.allFinite(),
          "a teacher holds finite numbers");
  require((teacher->directions.rowwise().norm().array() - 1.0).abs().maxCoeff() < 1e-12,
          "directions have unit length");
  early_condition_number(*teacher);
  const std::string copy = folder.file("copy.json");
  write_teacher(copy, *teacher);
  const Teacher again = read_teacher(copy);
  require(again.directions.isApprox(teacher->directions) &&
              again.amplitudes.isApprox(teacher->amplitudes),
          "a teacher is read as it was written");
}

void read_teacher_description(const Folder&, std::string_view bytes) {
  const std::string description = "random:" + std::string(bytes);
  const auto random = unless_refused([&] { return random_teacher(description); });
  unless_refused([&] {
    const std::string seeded = with_teacher_key(description, "seed", "3");
    require(random_teacher(seeded)->seed == 3, "a key that is set has its value");
    return seeded;
  });
  if (random && *random) {
    unless_refused([&] { return ((*random)->validate(), true); });
  }
}

void read_schedule_file(const Folder& folder, std::string_view bytes) {
  const std::string file = folder.write("schedule", bytes);
  const auto schedule = unless_refused([&] { return read_schedule(file); });
  if (!schedule) return;
  require(std::all_of(schedule->values.begin(), schedule->values.end(),
                      [](double value) { return std::isfinite(value) && value >= 0.0; }),
          "weight decays are finite and not negative");
}

/// Sets the options that entries name.
void set_options(const std::vector<Option>& options, const std::vector<ConfigEntry>& entries,
                 bool may_refuse) {
  for (const ConfigEntry& entry : entries) {
    for (const Option& option : options) {
      // A schedule is looked for in another file.
      if (config_key(option.name) != entry.key || option.name == "schedule") continue;
      if (entry.is_list && option.kind != Option::Kind::list) continue;
      const bool taken =
          unless_refused([&] { return (option.set(entry.value), true); }).has_value();
      require(taken || may_refuse, "an option takes the value that it was written with");
    }
  }
}

/// Options of a record that are set, written, and read back.
template <class Record>
void use_configuration(const Folder& folder, const std::vector<ConfigEntry>& entries,
                       std::vector<Option> (*table_of)(Record&)) {
  Record record;
  const std::vector<Option> options = table_of(record);
  set_options(options, entries, true);
  const std::string text = config_text(options);
  Record copy;
  const std::vector<Option> copied = table_of(copy);
  set_options(copied, read_config(folder.write("copy.toml", text)), false);
  require(config_text(copied) == text, "a configuration is read as it was written");
}

void read_configuration(const Folder& folder, std::string_view bytes) {
  const std::string file = folder.write("config.toml", bytes);
  const auto entries = unless_refused([&] { return read_config(file); });
  if (!entries) return;
  use_configuration(folder, *entries, train_options);
  use_configuration(folder, *entries, fit_options);
}

void read_name_list(const Folder&, std::string_view bytes) {
  const auto names = io::split_names(std::string(bytes));
  if (!names) return;
  require(io::split_names(io::join_names(*names)) == names, "names are read as they were written");
}

/// The folder itself as that of a run.
RunFolder run_in(const Folder& folder) {
  folder.write("config.toml", "");
  return RunFolder::open(folder.path());
}

constexpr const char* fingerprint_of_seeds = "seed";

/// The file of a checkpoint with this body.
std::string checkpoint_of(const RunFolder& run, const Folder& folder, std::string_view body) {
  write_checkpoint(run, TrainState(), fingerprint_of_seeds);
  const std::string any = folder.read("checkpoint");
  return any.substr(0, any.find('\n')) + fmt::format("\n{:08x}\n{}", crc32(body), body);
}

void read_checkpoint_file(const Folder& folder, std::string_view bytes) {
  const RunFolder run = run_in(folder);
  // Without its first lines an input is the body alone, so that its checksum is right.
  const bool is_whole = bytes.starts_with("lodestone-checkpoint");
  folder.write("checkpoint", is_whole ? std::string(bytes) : checkpoint_of(run, folder, bytes));
  const auto state = unless_refused([&] { return read_checkpoint(run, fingerprint_of_seeds); });
  if (!state || !*state) return;
  write_checkpoint(run, **state, fingerprint_of_seeds);
  const std::string text = folder.read("checkpoint");
  write_checkpoint(run, *read_checkpoint(run, fingerprint_of_seeds), fingerprint_of_seeds);
  require(folder.read("checkpoint") == text, "a checkpoint is read as it was written");
}

void read_summary(const Folder& folder, std::string_view bytes) {
  const RunFolder run = run_in(folder);
  const std::string file = folder.write("summary.json", bytes);
  run.complete();
  unless_refused([&] { return read_reported_numbers(file); });
}

void read_origin(const Folder& folder, std::string_view bytes) {
  folder.write("origin.json", bytes);
  unless_refused([&] { return file_of_run(folder.path(), "table.csv"); });
}

}  // namespace

const std::vector<Reader>& readers() {
  static const std::vector<Reader> all = {
      {"csv", Structure::none, read_table_file},
      {"gzip", Structure::none, read_table_file},
      {"dataset", Structure::none, read_data_set},
      {"converted", Structure::none, read_converted},
      {"npy", Structure::none, read_npy_file},
      {"npz", Structure::none, read_archive},
      {"model", Structure::json, read_model_file},
      {"curve", Structure::json, read_curve_file},
      {"intervals", Structure::json, read_intervals_file},
      {"teacher", Structure::json, read_teacher_file},
      {"summary", Structure::json, read_summary},
      {"origin", Structure::json, read_origin},
      {"checkpoint", Structure::cbor, read_checkpoint_file},
      {"config", Structure::none, read_configuration},
      {"schedule", Structure::none, read_schedule_file},
      {"names", Structure::none, read_name_list},
      {"description", Structure::none, read_teacher_description},
  };
  return all;
}

}  // namespace lodestone::fuzz
