#include "lodestone/runs/train_inputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "lodestone/io/file.hpp"
#include "lodestone/io/runs/run_folder.hpp"
#include "lodestone/runs/options.hpp"

namespace lodestone {
namespace {

// A target is a column, or a second file, which a name with one of these endings or FILE.npz:NAME
// means.
bool names_a_file(const std::string& target) {
  constexpr std::array endings{".npy",   ".npz",     ".csv", ".parquet", ".pq",
                               ".arrow", ".feather", ".ipc", ".arrows"};
  return target.find(".npz:") != target.npos ||
         std::any_of(endings.begin(), endings.end(),
                     [&](const char* ending) { return target.ends_with(ending); });
}

}  // namespace

DataSource source_of_run(const std::filesystem::path& run, DataSource source) {
  source.file = file_of_run(run, source.file);
  if (names_a_file(source.target)) source.target = file_of_run(run, source.target);
  return source;
}

TrainOptions inputs_of_run(const std::filesystem::path& run, TrainOptions options) {
  options.data = source_of_run(run, std::move(options.data));
  options.validation_file = file_of_run(run, options.validation_file);
  options.test_file = file_of_run(run, options.test_file);
  if (!options.teacher.starts_with("random:")) options.teacher = file_of_run(run, options.teacher);
  return options;
}

void find_schedule_of_run(const std::filesystem::path& run, std::vector<Option>& table,
                          TrainOptions& options) {
  for (Option& option : table) {
    if (option.name != "schedule") continue;
    option.set = [run, set = option.set, choices = option.choices,
                  &options](const std::string& given) {
      const bool is_file = std::find(choices.begin(), choices.end(), given) == choices.end();
      set(is_file ? file_of_run(run, given) : given);
      options.schedule_source = given;
    };
  }
}

TrainInputs read_train_inputs(const TrainOptions& options) {
  TrainInputs inputs;
  if (!options.teacher.empty()) inputs.teacher = read_teacher(options.teacher);
  if (!options.data.file.empty()) {
    inputs.data = read_dataset(options.data);
    const auto read_like = [&](const std::string& file) -> std::optional<Dataset> {
      if (file.empty()) return std::nullopt;
      return read_dataset_like(*inputs.data, options.data, file);
    };
    inputs.validation = read_like(options.validation_file);
    inputs.test = read_like(options.test_file);
  }
  return inputs;
}

std::string settled_config(TrainOptions options) {
  TrainOptions defaults;
  const std::vector<Option> default_table = train_options(defaults);
  std::vector<Option> settled = train_options(options);
  for (std::size_t i = 0; i < settled.size(); ++i) {
    if (settled[i].changes_on_resume) settled[i].get = default_table[i].get;
  }
  return config_text(settled, false);
}

std::string fingerprint(const std::string& config, const Schedule& schedule,
                        const std::optional<Teacher>& teacher, const std::optional<Dataset>& data,
                        const std::optional<Dataset>& validation,
                        const std::optional<Dataset>& test) {
  const auto checksum = [](const double* numbers, Index count) {
    return crc32(
        {reinterpret_cast<const char*>(numbers), static_cast<std::size_t>(count) * sizeof(double)});
  };
  std::string result = fmt::format("{:08x}", crc32(config));
  if (schedule.kind == Schedule::Kind::list) {
    result += fmt::format(
        "-{:08x}", checksum(schedule.values.data(), static_cast<Index>(schedule.values.size())));
  }
  if (teacher) {
    result += fmt::format("-{:08x}-{:08x}",
                          checksum(teacher->directions.data(), teacher->directions.size()),
                          checksum(teacher->amplitudes.data(), teacher->amplitudes.size()));
  }
  const auto add = [&](const char* part, const std::optional<Dataset>& rows) {
    if (!rows) return;
    result += fmt::format("{}-{:08x}-{:08x}", part, checksum(rows->X.data(), rows->X.size()),
                          checksum(rows->y.data(), rows->y.size()));
    if (rows->weights.size() > 0) {
      result +=
          fmt::format("-weights-{:08x}", checksum(rows->weights.data(), rows->weights.size()));
    }
    if (!rows->encodings.empty() || !rows->imputations.empty()) {
      std::string names;
      for (const std::string& name : rows->columns) names += name + '\n';
      result += fmt::format("-columns-{:08x}", crc32(names));
    }
  };
  add("", data);
  add("-validation", validation);
  add("-test", test);
  return result;
}

}  // namespace lodestone
