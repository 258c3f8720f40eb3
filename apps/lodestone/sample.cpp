#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "lodestone/dataset.hpp"
#include "lodestone/error.hpp"
#include "lodestone/table.hpp"
#include "lodestone/teacher.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

class Sample final : public Verb {
 public:
  explicit Sample(CLI::App& parent) {
    app = parent.add_subcommand("sample",
                                "Draw a data file from a teacher: columns x0, x1, ... and y");
    app->add_option("--teacher", teacher_, "JSON file, or random:d=20,k=4,r=4,min-angle=25,seed=0")
        ->type_name("FILE|random:...")
        ->required();
    app->add_option("--samples", samples_, "Number of rows, >= 1 [1000]")->type_name("N");
    app->add_option("--noise", noise_,
                    "Noise on y, as a share of the noiseless target's deviation, >= 0 [0]")
        ->type_name("S");
    app->add_option("--seed", seed_, "Seed of rows and noise, >= 0 [0]")->type_name("N");
    app->add_option("--out", out_,
                    "File to write: .npy (y is the last column), else CSV; - is "
                    "standard output [-]")
        ->type_name("FILE");
    app->add_flag("--overwrite", overwrite_, "Replace the file when it exists");
    app->add_flag("--quiet", quiet_, "Say nothing");
  }

  int run() override {
    const Teacher teacher = read_teacher(teacher_);
    const Dataset data = draw_samples(teacher, samples_, noise_, seed_);
    if (out_ != "-" && !overwrite_ && std::filesystem::is_regular_file(out_)) {
      throw FileError(out_, "exists; use --overwrite to replace it, or another --out");
    }
    Table table;
    table.names = data.columns;
    table.names.push_back(data.target);
    table.has_names = true;
    table.values.resize(data.X.rows(), data.X.cols() + 1);
    table.values << data.X, data.y;
    if (std::filesystem::path(out_).extension() == ".npy") {
      write_npy(out_, table.values);
    } else {
      write_csv(out_, table);
    }
    if (!quiet_ && out_ != "-") {
      fmt::print(stderr, "{} rows of {} inputs and y written to {}\n", data.X.rows(), data.X.cols(),
                 out_);
    }
    return done;
  }

 private:
  std::string teacher_;
  Index samples_ = 1000;
  double noise_ = 0.0;
  std::uint64_t seed_ = 0;
  std::string out_ = "-";
  bool overwrite_ = false;
  bool quiet_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_sample(CLI::App& parent) { return std::make_unique<Sample>(parent); }

}  // namespace lodestone::app
