#include "lodestone/runs/options.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "io/config/option_makers.hpp"
#include "lodestone/core/error.hpp"

namespace lodestone {
namespace {

using io::names;
using io::number;
using io::number_or_auto;
using io::positive_or_auto;
using io::text;

Option schedule(Schedule& field, std::string& source) {
  Option option{"schedule",
                Option::Kind::text,
                "NAME|FILE",
                "Weight decay from epoch to epoch: halving (times --lambda-factor), constant, none "
                "(0), or a file with one value a line [halving]",
                {},
                {}};
  option.set = [&field, &source](const std::string& given) {
    const double factor = field.factor;
    field = read_schedule(given);
    field.factor = factor;
    source = given;
  };
  option.get = [&source] { return source; };
  return option;
}

Option delimiter(std::optional<char>& field) {
  Option option{"delimiter", Option::Kind::text,
                "CHAR",      "Column separator of a CSV file: , ; | or tab [found from the header]",
                {},          {}};
  option.set = [&field](const std::string& given) {
    if (given == "tab" || given == "\\t") {
      field = '\t';
    } else if (given.size() == 1) {
      field = given[0];
    } else {
      throw InvalidArgument("delimiter", "'" + given + "'", "must be one character, or tab");
    }
  };
  option.get = [&field] {
    if (!field) return std::string();
    return *field == '\t' ? std::string("tab") : std::string(1, *field);
  };
  return option;
}

Option standardize(std::string help, std::optional<Standardization::Kind>& field) {
  Option option{"standardize", Option::Kind::text, "KIND", std::move(help), {}, {}};
  option.set = [&field](const std::string& given) {
    if (given == "auto") {
      field.reset();
    } else {
      field = parse_standardization(given);
    }
  };
  option.get = [&field] { return std::string(field ? name(*field) : "auto"); };
  return option;
}

Option precision(Precision& field) {
  Option option{"precision",
                Option::Kind::text,
                "float64|float32",
                "How rows are kept and inner products computed; float32 is about twice as fast in "
                "half the memory, and stops improving at losses near 1e-12 [float64]",
                {},
                {}};
  option.set = [&field](const std::string& given) { field = parse_precision(given); };
  option.get = [&field] { return std::string(name(field)); };
  return option;
}

Option biases(std::optional<bool>& field) {
  Option option{"biases",
                Option::Kind::text,
                "on|off|auto",
                "Give every neuron a bias [auto: on for files, off for teachers]",
                {},
                {}};
  option.set = [&field](const std::string& given) {
    if (given == "auto") {
      field.reset();
    } else if (given == "on" || given == "off") {
      field = given == "on";
    } else {
      throw InvalidArgument("biases", "'" + given + "'", "must be on, off or auto");
    }
  };
  option.get = [&field] { return std::string(!field ? "auto" : *field ? "on" : "off"); };
  return option;
}

Option resumable(Option option) {
  option.changes_on_resume = true;
  return option;
}

Option drop_missing(const std::string& help, bool& field) {
  return flag_option("drop-missing",
                     help + " (an empty cell, NA, NaN, null, none, nil, n/a, ?, - or .) [refuse]",
                     field);
}

}  // namespace

std::vector<Option> data_options(DataSource& source) {
  return {
      text("data", "FILE",
           "Table to learn from: CSV with a header, NPY or NPZ; - is standard input", source.file),
      text("target", "COLUMN", "Column to predict: its name, its number from 0, or a second file",
           source.target),
      delimiter(source.delimiter),
      text("weights", "COLUMN",
           "Column of row weights >= 0, by name or number: how much each row counts [all alike]",
           source.weights),
      names("exclude", "A,B,...",
            "Columns to leave out, by name or number; a name with a comma in double quotes [none]",
            source.exclude),
      flag_option("one-hot",
                  "Turn each column with text into 0/1 columns, one for each of its values, at "
                  "most 100 [refuse text]",
                  source.one_hot),
      drop_missing("Leave out rows with missing values", source.drop_missing),
  };
}

std::vector<Option> train_options(TrainOptions& o) {
  Algorithm1Options& a = o.algorithm;
  std::vector<Option> options = {
      text("teacher", "FILE|random:...",
           "Hidden network that makes the target: a JSON file, or random:d=20,k=4,r=4,"
           "min-angle=25,signs=mixed,amplitudes=1:1,seed=0 (any of these keys)",
           o.teacher),
      number<Index>("samples", "N",
                    "Train on N rows drawn from the teacher, >= 0 [0: its exact population]",
                    o.samples),
      number("noise", "S",
             "Noise on drawn targets, as a share of the noiseless target's deviation, >= 0 [0]",
             o.noise),
  };
  for (Option& option : data_options(o.data)) options.push_back(std::move(option));
  const std::vector<Option> training = {
      text(
          "validation", "FILE",
          "Table with the columns of --data whose rows choose the weight decay [a share of --data]",
          o.validation_file),
      text("test", "FILE",
           "Table with the columns of --data whose rows give the test error [a share of --data]",
           o.test_file),
      standardize("Inputs before training: scale (centre, unit deviation), whiten (also "
                  "uncorrelated), none, or auto [auto: scale for files, none for teachers]",
                  o.standardize),
      biases(o.biases),
      precision(o.precision),
      number("test-share", "P",
             "Share of a file's rows kept aside for the test error, 0 to 0.9 [0.2]", o.test_share),
      number("validation-share", "P",
             "Share of the other rows that chooses the weight decay, 0 to 0.9; 0 takes the last "
             "epoch [0.1]",
             o.validation_share),
      number("patience", "N", "Stop after N epochs without a better validation error, >= 1 [3]",
             o.patience),
      number<Index>("width", "M", "Number of neurons, even, 2 to 20000 [200]", a.width),
      number("seed", "N", "Seed of every random choice, >= 0 [0]", a.seed),
      schedule(a.schedule, o.schedule_source),
      number_or_auto("lambda-start",
                     "Weight decay of the first epoch of stage 3, > 0 [auto: from the optimality "
                     "gap measured after stage 2]",
                     a.lambda_start),
      number("lambda-end", "X", "Stop before the weight decay falls below this, >= 0 [0]",
             a.lambda_end),
      number("lambda-factor", "X", "What halving multiplies by after each epoch, in (0, 1) [0.5]",
             a.schedule.factor),
      number("lambda-start-factor", "X",
             "Safety factor of the automatic --lambda-start, in (0, 1] [0.5]",
             a.lambda_start_factor),
      number_or_auto("step", "Gradient step size, > 0 [auto: chosen safely]", a.step),
      resumable(
          number("tolerance", "X", "Loss at which training is done, >= 0 [1e-8]", a.tolerance)),
      number("epoch-tolerance", "X",
             "An epoch ends when the gradient norm is below X * lambda * |parameters|, > 0 [0.05]",
             a.epoch_tolerance),
      number(
          "stagnation", "X",
          "On rows, an epoch also ends when 100 steps lower the penalized loss by less than this "
          "share, >= 0 [0.001]",
          a.stagnation),
      number(
          "merge-tolerance", "X",
          "Between epochs, neurons within 2 degrees become one where that changes the loss by at "
          "most this share, in [0, 1) [0: they never do]",
          a.merge_tolerance),
      number("max-epoch-steps", "N", "Most gradient steps in an epoch, >= 1 [20000]",
             a.max_epoch_steps),
      resumable(number("max-steps", "N", "Budget of gradient steps, >= 1 [200000]", a.max_steps)),
      resumable(number("max-seconds", "S",
                       "Budget of seconds, counted anew when resumed, > 0 [inf]", o.max_seconds)),
      number("record-every", "N", "Gradient steps between lines of the history, >= 1 [200]",
             a.record_every),
  };
  options.insert(options.end(), training.begin(), training.end());
  return options;
}

std::vector<Option> fit_options(FitRequest& r) {
  FitOptions& how = r.how;
  std::vector<Option> options = data_options(r.data);
  Option select{"select",
                Option::Kind::text,
                "RULE",
                "Which cross-validated model: best, or one-standard-error (the fewest features "
                "within one standard error of it) [best]",
                {},
                {}};
  select.set = [&how](const std::string& given) { how.select = parse_selection(given); };
  select.get = [&how] { return std::string(name(how.select)); };
  Option relaxed{
      "relaxed",
      Option::Kind::text,
      "WHEN",
      "Refit the chosen features without penalty: auto (where validation says it helps), "
      "never or always [auto]",
      {},
      {}};
  relaxed.set = [&how](const std::string& given) { how.relaxed = parse_relaxed(given); };
  relaxed.get = [&how] { return std::string(name(how.relaxed)); };
  const std::vector<Option> fitting = {
      text("validation", "FILE",
           "Table with the columns of --data whose rows choose the model [cross-validation]",
           r.validation_file),
      text("test", "FILE", "Table with the columns of --data whose rows give the test error [none]",
           r.test_file),
      number("test-share", "P", "Share of the rows kept aside for the test error, 0 to 0.9 [0]",
             r.test_share),
      text("teacher", "FILE|random:...",
           "Fit the exact population of a hidden network instead of a table (see train)",
           r.teacher),
      number<Index>("samples", "N", "Fit N rows drawn from the teacher, >= 0 [0: its population]",
                    r.samples),
      number("noise", "S",
             "Noise on drawn targets, as a share of the noiseless target's deviation, >= 0 [0]",
             r.noise),
      standardize("Inputs before fitting: scale (centre, unit deviation), whiten (also "
                  "uncorrelated), none, or auto [auto: scale for files, none for teachers]",
                  r.standardize),
      biases(r.biases),
      precision(how.precision),
      number("folds", "K", "Folds of the cross-validation, >= 2 [5]", how.folds),
      number("lambdas", "N", "Values of the weight decay along the path, >= 1 [30]",
             how.path.lambdas),
      number("lambda-ratio", "X", "The last of them as a share of the first, in (0, 1) [0.0001]",
             how.path.lambda_ratio),
      number_or_auto("lambda",
                     "Take this weight decay of the standardized problem, > 0, without "
                     "cross-validation [auto: chosen]",
                     how.lambda),
      select,
      relaxed,
      number<Index>("max-features", "N",
                    "Most features, >= 1, at most the rows; 0 takes as many as it needs [0]",
                    how.max_features),
      number_or_auto("gap-tolerance",
                     "A value of the weight decay is done when its network is this close to the "
                     "best of any width, relative, > 0 [auto: 0.01, on populations 0.00002]",
                     how.gap_tolerance),
      flag_option(
          "rigorous",
          "Prove sup |eta| by branch and bound along the path instead of estimating it; for "
          "effective dimensions up to about 4",
          how.path.rigorous),
      number("bootstrap", "B", "Resamples for the errors of the directions' angles, >= 0 [0]",
             how.bootstrap),
      number("seed", "N", "Seed of every random choice, >= 0 [0]", how.seed),
      number("max-seconds", "S", "Budget of seconds, > 0 [inf]", r.max_seconds),
  };
  options.insert(options.end(), fitting.begin(), fitting.end());
  return options;
}

std::vector<Option> sample_options(SampleOptions& o) {
  return {
      text("teacher", "FILE|random:...",
           "Hidden network: a JSON file, or random:d=20,k=4,r=4,min-angle=25,signs=mixed,"
           "amplitudes=1:1,seed=0 (any of these keys)",
           o.teacher),
      number<Index>("samples", "N", "Number of rows, >= 1 [1000]", o.samples),
      number("noise", "S", "Noise on y, as a share of the noiseless target's deviation, >= 0 [0]",
             o.noise),
      number("seed", "N", "Seed of rows and noise, >= 0 [0]", o.seed),
  };
}

std::vector<Option> certify_options(CertifyRequest& r) {
  CertifyOptions& how = r.how;
  std::vector<Option> options = data_options(r.data);
  const std::vector<Option> judging = {
      text("teacher", "FILE|random:...",
           "Judge the model on the exact population of this teacher (see train)", r.teacher),
      positive_or_auto("lambda",
                       "Weight decay, > 0, of the standardized problem [auto: what the model was "
                       "trained with; where it does not say, what makes its relative gap smallest]",
                       how.lambda),
      standardize("Coordinates in which an NPZ network is judged: none, scale or whiten, as in "
                  "train; other models bring their own [none]",
                  r.standardize),
      number("tolerance", "X",
             "A neuron violates optimality when |eta - sign(a)| exceeds this, > 0 [0.01]",
             how.tolerance),
      flag_option("rigorous",
                  "Prove sup |eta| by branch and bound instead of estimating it; for effective "
                  "dimensions up to about 4",
                  how.rigorous),
      number("bound-tolerance", "X",
             "With --rigorous: stop when the bound is this close to an attained value, relative, "
             "> 0 [1e-5]",
             how.proof.tolerance),
      number("max-cells", "N",
             "With --rigorous: budget of cells, >= 1; the best bound so far stands [5000000]",
             how.proof.max_cells),
      number<Index>("starts", "N", "Random directions from which |eta| is climbed, >= 0 [200]",
                    how.ascent.random_starts),
      number("seed", "N", "Seed of the random directions, >= 0 [0]", how.ascent.seed),
  };
  options.insert(options.end(), judging.begin(), judging.end());
  return options;
}

std::vector<Option> sweep_options(SweepRequest& r) {
  Option grid = names("grid", "KEY=V,V,...",
                      "A key of train's configuration, or teacher.KEY of a random teacher, and the "
                      "values it takes: a list, or for numbers LOW:HIGH, LOW:HIGH:STEP or "
                      "LOW:HIGH:xFACTOR; give it once for each key [none: only seeds]",
                      r.grid);
  grid.repeats = true;
  return {
      grid,
      text("seeds", "LIST",
           "Seeds of the runs, as in 0:9 or 0,3,7; a random teacher that names no seed is drawn "
           "anew by each [--seed]",
           r.seeds),
      flag_option("keep-runs", "Keep model, network and history of every run, not only its summary",
                  r.keep_runs),
  };
}

std::vector<Option> predict_options(PredictOptions& o) {
  return {
      delimiter(o.delimiter),
      drop_missing("Make no prediction for rows with missing values, and say how many these are",
                   o.drop_missing),
  };
}

}  // namespace lodestone
