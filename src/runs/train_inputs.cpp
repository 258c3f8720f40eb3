#include "lodestone/runs/train_inputs.hpp"

#include <fmt/format.h>

#include <vector>

#include "lodestone/io/file.hpp"
#include "lodestone/runs/options.hpp"

namespace lodestone {

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
    if (!rows->encodings.empty()) {
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
