#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "lodestone/core/error.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/teacher.hpp"
#include "lodestone/runs/options.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

class Sample final : public Verb {
 public:
  explicit Sample(CLI::App& parent) {
    app = parent.add_subcommand("sample",
                                "Draw a data file from a teacher: columns x0, x1, ... and y");
    common_.out = "-";
    std::vector<Option> options = sample_options(options_);
    for (Option& option :
         common_.table({.value = "FILE",
         .help = "File to write: .npy (y is the last column), else CSV; - is standard output"},
                       "what was written")) {
      options.push_back(std::move(option));
    }
    flags_.add(*app, std::move(options));
  }

  int run() override {
    flags_.apply();
    common_.apply();
    if (options_.teacher.empty()) {
      throw InvalidArgument("teacher", "nothing",
                            "give --teacher FILE or --teacher random:d=20,k=4");
    }
    if (common_.json && common_.out == "-") {
      throw InvalidArgument("json", "with the data on standard output", "give --out FILE as well");
    }
    const Teacher teacher = read_teacher(options_.teacher);
    const Dataset data = draw_samples(teacher, options_.samples, options_.noise, options_.seed);
    refuse_existing(common_.out, common_.overwrite);
    Table table;
    table.names = data.columns;
    table.names.push_back(data.target);
    table.has_names = true;
    table.values.resize(data.X.rows(), data.X.cols() + 1);
    table.values << data.X, data.y;
    write_table(common_.out, table);
    if (common_.json) {
      const nlohmann::ordered_json summary = {{"command", "sample"},
                                              {"teacher", options_.teacher},
                                              {"rows", data.X.rows()},
                                              {"inputs", data.X.cols()},
                                              {"target", data.target},
                                              {"noise", options_.noise},
                                              {"target_variance", target_variance(teacher)},
                                              {"seed", options_.seed},
                                              {"out", common_.out}};
      print(fmt::format("{}\n", summary.dump(2)));
    } else if (!common_.quiet && common_.out != "-") {
      say(fmt::format("{} rows of {} inputs and y written to {}\n", data.X.rows(), data.X.cols(),
                      common_.out));
    }
    return done;
  }

 private:
  SampleOptions options_;
  OptionFlags flags_;
  CommonOptions common_;
};

}  // namespace

std::unique_ptr<Verb> make_sample(CLI::App& parent) { return std::make_unique<Sample>(parent); }

}  // namespace lodestone::app
