#include "lodestone/runs/options.hpp"

#include <optional>
#include <string>
#include <utility>

#include "io/config/option_makers.hpp"
#include "lodestone/core/error.hpp"

namespace lodestone {
namespace {

using io::bound;
using io::grouped;
using io::joined;
using io::names;
using io::number;
using io::number_or_auto;
using io::text;

constexpr Range any_seed = at_least(0);

const std::string of_teacher = "Teacher";
const std::string of_table = "Table";
const std::string of_held_out = "Rows held out";
const std::string of_preparation = "Preparation";
const std::string of_network = "Network";
const std::string of_decay = "Weight decay";
const std::string of_descent = "Descent";
const std::string of_choice = "Choice of the model";
const std::string of_certificate = "Certificate";
const std::string of_budget = "Budgets and records";

Option in(const std::string& group, Option option) {
  option.group = group;
  return option;
}

Option resumable(Option option) {
  option.changes_on_resume = true;
  return option;
}

Option schedule(Schedule& field, std::string& source) {
  return bound(
      {.name = "schedule",
       .value = "NAME|FILE",
       .choices = {"halving", "constant", "none"},
       .help = "Weight decay from epoch to epoch: halving (times {lambda_factor}), "
               "constant, none (0), or a file with one value a line"},
      [&field, &source](const std::string& given) {
        const double factor = field.factor;
        field = read_schedule(given);
        field.factor = factor;
        source = given;
      },
      [&source] { return source; });
}

Option a_teacher(std::string& field) {
  return text({.name = "teacher",
               .value = "FILE|random:...",
               .help = "Hidden network: a JSON file, or random: and any of d=20, k=4, r=4, "
                       "min-angle=25, signs=mixed, amplitudes=1:1, seed=0 with commas between, as "
                       "in random:d=8,k=3"},
              field);
}

Option delimiter(std::optional<char>& field) {
  return bound(
      {.name = "delimiter",
       .value = "CHAR",
       .help = "Column separator of a CSV file: , ; | or tab",
       .default_note = "found from the header"},
      [&field](const std::string& given) {
        if (given == "tab" || given == "\\t") {
          field = '\t';
        } else if (given.size() == 1) {
          field = given[0];
        } else {
          throw InvalidArgument("delimiter", "'" + given + "'", "must be one character, or tab");
        }
      },
      [&field] {
        if (!field) return std::string();
        return *field == '\t' ? std::string("tab") : std::string(1, *field);
      });
}

Option standardize(std::string help, std::string note,
                   std::optional<Standardization::Kind>& field) {
  return bound(
      {.name = "standardize",
       .value = "KIND",
       .choices = {"auto", "scale", "whiten", "none"},
       .help = std::move(help),
       .default_note = std::move(note)},
      [&field](const std::string& given) {
        if (given == "auto") {
          field.reset();
        } else {
          field = parse_standardization(given);
        }
      },
      [&field] { return std::string(field ? name(*field) : "auto"); });
}

Option precision(Precision& field) {
  return bound(
      {.name = "precision",
       .value = "float64|float32",
       .choices = {"float64", "float32"},
       .help = "How rows are kept and inner products computed; float32 is about twice as fast in "
               "half the memory, and stops improving at losses near 1e-12"},
      [&field](const std::string& given) { field = parse_precision(given); },
      [&field] { return std::string(name(field)); });
}

[[noreturn]] void refuse_choice(const char* field, const std::string& given, const char* choices) {
  throw InvalidArgument(field, "'" + given + "'", std::string("must be ") + choices);
}

Option biases(std::optional<bool>& field) {
  return bound(
      {.name = "biases",
       .value = "on|off|auto",
       .choices = {"on", "off", "auto"},
       .help = "Give every neuron a bias",
       .default_note = "on for files, off for teachers"},
      [&field](const std::string& given) {
        if (given == "auto") {
          field.reset();
        } else if (given == "on" || given == "off") {
          field = given == "on";
        } else {
          refuse_choice("biases", given, "on, off or auto");
        }
      },
      [&field] {
        return std::string(!field ? "auto" : *field ? "on" : "off");
      });
}

Option offset(const std::string& note, std::string& field) {
  return text({.name = "offset",
               .value = "COLUMN",
               .help = "Column, by name or number, that is added to every score, as log(exposure) "
                       "is for counts; it is no input",
               .default_note = note},
              field);
}

Option categories(bool& one_hot) {
  return bound(
      {.name = "categories",
       .value = "refuse|one-hot",
       .choices = {"refuse", "one-hot"},
       .help = "Refuse columns with text, or turn each into 0/1 columns, one for each of its "
               "values, at most 100"},
      [&one_hot](const std::string& given) {
        if (given != "refuse" && given != "one-hot") {
          refuse_choice("categories", given, "refuse or one-hot");
        }
        one_hot = given == "one-hot";
      },
      [&one_hot] { return std::string(one_hot ? "one-hot" : "refuse"); });
}

Option missing(Missing& field) {
  return bound(
      {.name = "missing",
       .value = "refuse|drop|indicator",
       .choices = {"refuse", "drop", "indicator"},
       .help = "Refuse missing values (an empty cell, NA, NaN, null, none, nil, n/a, ?, - or .), "
               "leave out their rows, or give each input that has some a 0/1 column that tells "
               "them, and its mean in their place"},
      [&field](const std::string& given) { field = parse_missing(given); },
      [&field] { return std::string(name(field)); });
}

}  // namespace

std::vector<Option> data_options(DataSource& source) {
  return grouped(
      of_table,
      {text({.name = "data",
             .value = "FILE",
             .help = "Table to learn from: CSV with a header (as it is or compressed by gzip), "
                     "NPY, NPZ, "
                     "Parquet or Arrow; - is standard input"},
            source.file),
       text({.name = "target",
             .value = "COLUMN",
             .help = "Column to predict: its name, its number from 0, or a second file"},
            source.target),
       delimiter(source.delimiter),
       text({.name = "weights",
             .value = "COLUMN",
             .help = "Column of row weights >= 0, by name or number: how much each row counts",
             .default_note = "all alike"},
            source.weights),
       names({.name = "exclude",
              .value = "A,B,...",
              .help = "Columns to leave out, by name or number; a name with a comma in double "
                      "quotes",
              .default_note = "none"},
             source.exclude),
       categories(source.one_hot), missing(source.missing)});
}

std::vector<Option> train_options(TrainOptions& o) {
  Algorithm1Options& a = o.algorithm;
  using Limits = TrainOptions::Limits;
  using Algorithm = Algorithm1Options::Limits;
  return joined({
      grouped(
          of_teacher,
          {text({.name = "teacher",
                 .value = "FILE|random:...",
                 .help = "Hidden network that makes the target: a JSON file, or random: and any of "
                         "d=20, k=4, r=4, min-angle=25, signs=mixed, amplitudes=1:1, seed=0 with "
                         "commas between, as in random:d=8,k=3"},
                o.teacher),
           number<Index>({.name = "samples",
                          .value = "N",
                          .help = "Train on N rows drawn from the teacher",
                          .range = Limits::samples,
                          .unit = "rows",
                          .default_note = "its exact population"},
                         o.samples),
           number({.name = "noise",
                   .value = "S",
                   .help = "Noise on drawn targets, as a share of the noiseless target's "
                           "deviation",
                   .range = Limits::noise},
                  o.noise)}),
      data_options(o.data),
      grouped(of_held_out,
              {text({.name = "validation",
                     .value = "FILE",
                     .help = "Table with the columns of {data} whose rows choose the weight decay",
                     .default_note = "a share of {data}"},
                    o.validation_file),
               text({.name = "test",
                     .value = "FILE",
                     .help = "Table with the columns of {data} whose rows give the test error",
                     .default_note = "a share of {data}"},
                    o.test_file)}),
      grouped(of_preparation,
              {standardize("Inputs before training: scale (centre, unit deviation), whiten (also "
                           "uncorrelated), none, or auto",
                           "scale for files, none for teachers", o.standardize),
               biases(o.biases), precision(o.precision)}),
      grouped(of_held_out,
              {number({.name = "test_share",
                       .value = "P",
                       .help = "Share of a file's rows kept aside for the test error",
                       .range = Limits::test_share},
                      o.test_share),
               number({.name = "validation_share",
                       .value = "P",
                       .help = "Share of the other rows that chooses the weight decay (0 takes the "
                               "last epoch)",
                       .range = Limits::validation_share},
                      o.validation_share),
               number({.name = "patience",
                       .value = "N",
                       .help = "Stop after N epochs without a better validation error",
                       .range = Limits::patience,
                       .unit = "epochs"},
                      o.patience)}),
      grouped(of_network, {number<Index>({.name = "width",
                                          .value = "M",
                                          .help = "Number of neurons",
                                          .range = Algorithm::width,
                                          .unit = "neurons"},
                                         a.width),
                           number({.name = "seed",
                                   .value = "N",
                                   .help = "Seed of every random choice",
                                   .range = any_seed},
                                  a.seed)}),
      grouped(of_decay,
              {schedule(a.schedule, o.schedule_source),
               number_or_auto({.name = "lambda_start",
                               .help = "Weight decay of the first epoch of stage 3",
                               .range = Algorithm::lambda_start,
                               .default_note = "from the optimality gap measured after stage 2"},
                              a.lambda_start),
               number({.name = "lambda_end",
                       .value = "X",
                       .help = "Stop before the weight decay falls below this",
                       .range = Algorithm::lambda_end},
                      a.lambda_end),
               number({.name = "lambda_factor",
                       .value = "X",
                       .help = "What halving multiplies by after each epoch",
                       .range = Algorithm::lambda_factor},
                      a.schedule.factor),
               number({.name = "lambda_start_factor",
                       .value = "X",
                       .help = "Safety factor of the automatic {lambda_start}",
                       .range = Algorithm::lambda_start_factor},
                      a.lambda_start_factor)}),
      grouped(
          of_descent,
          {number_or_auto({.name = "step",
                           .help = "Gradient step size",
                           .range = Algorithm::step,
                           .default_note = "chosen safely"},
                          a.step),
           resumable(number({.name = "tolerance",
                             .value = "X",
                             .help = "Loss at which training is done, as a share of the loss "
                                     "without neurons",
                             .range = Algorithm::tolerance},
                            a.tolerance)),
           resumable(number({.name = "absolute_tolerance",
                             .value = "X",
                             .help = "Loss at which training is done, in place of {tolerance}",
                             .range = Algorithm::absolute_tolerance,
                             .default_note = "{tolerance} says it"},
                            a.absolute_tolerance)),
           number(
               {.name = "epoch_tolerance",
                .value = "X",
                .help = "An epoch ends when the gradient norm is below X * lambda * |parameters|",
                .range = Algorithm::epoch_tolerance},
               a.epoch_tolerance),
           number({.name = "stagnation",
                   .value = "X",
                   .help = "On rows, an epoch also ends when 100 steps lower the penalized loss by "
                           "less than this share",
                   .range = Algorithm::stagnation},
                  a.stagnation),
           number({.name = "merge_tolerance",
                   .value = "X",
                   .help = "Between epochs, neurons within 2 degrees become one where that changes "
                           "the loss by at most this share",
                   .range = Algorithm::merge_tolerance,
                   .default_note = "they never do"},
                  a.merge_tolerance)}),
      grouped(of_budget, {number({.name = "max_epoch_steps",
                                  .value = "N",
                                  .help = "Most gradient steps in an epoch",
                                  .range = Algorithm::max_epoch_steps,
                                  .unit = "steps"},
                                 a.max_epoch_steps),
                          resumable(number({.name = "max_steps",
                                            .value = "N",
                                            .help = "Budget of gradient steps",
                                            .range = Algorithm::max_steps,
                                            .unit = "steps"},
                                           a.max_steps)),
                          resumable(number({.name = "max_seconds",
                                            .value = "S",
                                            .help = "Budget of seconds, counted anew when resumed",
                                            .range = Limits::max_seconds,
                                            .unit = "seconds"},
                                           o.max_seconds)),
                          number({.name = "record_every",
                                  .value = "N",
                                  .help = "Gradient steps between lines of the history",
                                  .range = Algorithm::record_every,
                                  .unit = "steps"},
                                 a.record_every)}),
  });
}

std::vector<Option> fit_options(FitRequest& r) {
  FitOptions& how = r.how;
  using Limits = FitRequest::Limits;
  return joined({
      data_options(r.data),
      grouped(of_table, {offset("none", r.data.offset)}),
      grouped(of_held_out,
              {text({.name = "validation",
                     .value = "FILE",
                     .help = "Table with the columns of {data} whose rows choose the model",
                     .default_note = "cross-validation"},
                    r.validation_file),
               text({.name = "test",
                     .value = "FILE",
                     .help = "Table with the columns of {data} whose rows give the test error",
                     .default_note = "none"},
                    r.test_file),
               number({.name = "test_share",
                       .value = "P",
                       .help = "Share of the rows kept aside for the test error",
                       .range = Limits::test_share},
                      r.test_share)}),
      grouped(of_teacher,
              {text({.name = "teacher",
                     .value = "FILE|random:...",
                     .help = "Fit the exact population of a hidden network instead of a table (see "
                             "train)"},
                    r.teacher),
               number<Index>({.name = "samples",
                              .value = "N",
                              .help = "Fit N rows drawn from the teacher",
                              .range = Limits::samples,
                              .unit = "rows",
                              .default_note = "its population"},
                             r.samples),
               number({.name = "noise",
                       .value = "S",
                       .help = "Noise on drawn targets, as a share of the noiseless target's "
                               "deviation",
                       .range = Limits::noise},
                      r.noise)}),
      grouped(of_preparation,
              {standardize("Inputs before fitting: scale (centre, unit deviation), whiten (also "
                           "uncorrelated), none, or auto",
                           "scale for files, none for teachers", r.standardize),
               biases(r.biases), precision(how.precision)}),
      grouped(
          of_preparation,
          {names(
               {.name = "increasing",
                .value = "A,B,...",
                .help = "Columns, by name, in which the prediction is never to fall: features and "
                        "linear part have such signs there; a name with a comma in double quotes",
                .default_note = "none"},
               how.increasing),
           names({.name = "decreasing",
                  .value = "A,B,...",
                  .help = "Columns, by name, in which the prediction is never to rise",
                  .default_note = "none"},
                 how.decreasing),
           bound(
               {.name = "family",
                .value = "NAME",
                .choices = {"square", "logistic", "poisson", "huber", "softmax"},
                .help =
                    "Loss and kind of target: square, logistic (classes 0 and 1, or shares), "
                    "softmax (several classes), poisson (counts or rates) or huber (square with "
                    "less pull from outliers)"},
               [&how](const std::string& given) { how.family.kind = parse_family(given); },
               [&how] { return std::string(name(how.family.kind)); }),
           number({.name = "huber_width",
                   .value = "K",
                   .help = "Error beyond which huber's loss grows linearly",
                   .range = Family::Limits::huber_width,
                   .unit = "units of the target"},
                  how.family.huber_width),
           bound(
               {.name = "linear",
                .value = "PART",
                .choices = {"auto", "free", "none"},
                .help = "Linear part: free, none (penalized features carry what is linear: for "
                        "tables with few rows), or auto, free where every fold has more rows than "
                        "coefficients"},
               [&how](const std::string& given) {
                 how.linear =
                     given == "auto" ? std::nullopt : std::optional(parse_linear_part(given));
               },
               [&how] {
                 return how.linear ? std::string(name(*how.linear)) : std::string("auto");
               }),
           bound(
               {.name = "linear_ridge",
                .kind = Option::Kind::number,
                .value = "X|auto",
                .choices = {"auto"},
                .help = "Ridge on the linear part, for families with a link: half of it times "
                        "the squared coefficients of standardized columns",
                .range = Family::Limits::linear_ridge,
                .default_note = "for classes chosen by the folds from 0.0001 to 0.3 (0.001 "
                                "where there are none), none for the others",
                .automatic = true},
               [&how](const std::string& given) {
                 how.linear_ridge = given == "auto"
                                        ? std::nullopt
                                        : std::optional(io::parse_in<double>(
                                              Family::Limits::linear_ridge, "linear_ridge", given));
               },
               [&how] {
                 return how.linear_ridge ? fmt::format("{}", *how.linear_ridge)
                                         : std::string("auto");
               })}),
      grouped(of_choice,
              {bound(
                   {.name = "folds",
                    .kind = Option::Kind::whole_number,
                    .value = "K|time",
                    .choices = {"time"},
                    .help = "Folds of the cross-validation, or time for rows in the order of time: "
                            "five folds, each judged on the rows that follow those it trains on",
                    .range = FitOptions::Limits::folds,
                    .unit = "folds"},
                   [&how](const std::string& given) {
                     how.forward_folds = given == "time";
                     how.folds = how.forward_folds
                                     ? FitOptions().folds
                                     : io::parse_in<int>(FitOptions::Limits::folds, "folds", given);
                   },
                   [&how] {
                     return how.forward_folds ? std::string("time") : fmt::format("{}", how.folds);
                   }),
               text({.name = "groups",
                     .value = "COLUMN",
                     .help = "Column, by name or number, whose rows with the same value stay "
                             "together, in one fold or in the test share; it is no input",
                     .default_note = "each row by itself"},
                    r.data.groups)}),
      grouped(of_decay, {number({.name = "lambdas",
                                 .value = "N",
                                 .help = "Values of the weight decay along the path",
                                 .range = PathOptions::Limits::lambdas},
                                how.path.lambdas),
                         number({.name = "lambda_ratio",
                                 .value = "X",
                                 .help = "The last of them as a share of the first",
                                 .range = PathOptions::Limits::lambda_ratio},
                                how.path.lambda_ratio),
                         number_or_auto(
                             {.name = "lambda",
                              .help = "Take this weight decay of the standardized problem, without "
                                      "cross-validation",
                              .range = FitOptions::Limits::lambda,
                              .default_note = "chosen"},
                             how.lambda)}),
      grouped(
          of_choice,
          {bound(
               {.name = "select",
                .value = "RULE",
                .choices = {"best", "one-standard-error", "elbow"},
                .help = "Which cross-validated model: best, one-standard-error (the fewest "
                        "features within one standard error of it), elbow (where the curve of "
                        "errors bends) or a number of features"},
               [&how](const std::string& given) { how.select = parse_selection(given); },
               [&how] { return name(how.select); }),
           bound(
               {.name = "relaxed",
                .value = "WHEN",
                .choices = {"auto", "never", "always"},
                .help = "Refit the chosen features without penalty: auto (where validation says "
                        "it helps), never or always"},
               [&how](const std::string& given) { how.relaxed = parse_relaxed(given); },
               [&how] { return std::string(name(how.relaxed)); }),
           bound(
               {.name = "shape",
                .value = "KIND",
                .choices = {"relu", "smooth", "auto"},
                .help =
                    "What a feature's function of its direction is: relu, smooth (a spline; the "
                    "square loss only) or auto (smooth where validation clearly says that it "
                    "is better)"},
               [&how](const std::string& given) { how.shape = parse_shape(given); },
               [&how] { return std::string(name(how.shape)); }),
           number<Index>({.name = "max_features",
                          .value = "N",
                          .help = "Most features, at most the rows (0 takes as many as it needs)",
                          .range = FitOptions::Limits::max_features,
                          .unit = "features"},
                         how.max_features)}),
      grouped(of_certificate,
              {number_or_auto({.name = "gap_tolerance",
                               .help = "A value of the weight decay is done when its network is "
                                       "this close to the best of any width, relative",
                               .range = FitOptions::Limits::gap_tolerance,
                               .default_note = "0.01, on populations 0.00002"},
                              how.gap_tolerance),
               flag_option({.name = "rigorous",
                            .help = "Prove sup |eta| by branch and bound along the path instead of "
                                    "estimating it; for effective dimensions up to about 4"},
                           how.path.rigorous),
               number({.name = "bootstrap",
                       .value = "B",
                       .help = "Resamples for the errors of the directions' angles",
                       .range = FitOptions::Limits::bootstrap,
                       .unit = "resamples"},
                      how.bootstrap)}),
      grouped(of_budget, {number({.name = "seed",
                                  .value = "N",
                                  .help = "Seed of every random choice",
                                  .range = any_seed},
                                 how.seed),
                          number({.name = "max_seconds",
                                  .value = "S",
                                  .help = "Budget of seconds",
                                  .range = Limits::max_seconds,
                                  .unit = "seconds"},
                                 r.max_seconds)}),
  });
}

std::vector<Option> select_options(SelectOptions& o) {
  return grouped(of_choice, {number<Index>({.name = "features",
                                            .value = "N",
                                            .help = "Number of features of the model; those of the "
                                                    "run's curve.csv can be had",
                                            .range = at_least(0),
                                            .unit = "features"},
                                           o.features)});
}

std::vector<Option> sample_options(SampleOptions& o) {
  return grouped(
      of_teacher,
      {a_teacher(o.teacher),
       number<Index>({.name = "samples",
                      .value = "N",
                      .help = "Number of rows",
                      .range = SampleLimits::rows,
                      .unit = "rows"},
                     o.samples),
       number({.name = "noise",
               .value = "S",
               .help = "Noise on y, as a share of the noiseless target's deviation",
               .range = SampleLimits::noise},
              o.noise),
       number({.name = "seed", .value = "N", .help = "Seed of rows and noise", .range = any_seed},
              o.seed)});
}

std::vector<Option> certify_options(CertifyRequest& r) {
  CertifyOptions& how = r.how;
  return joined({
      data_options(r.data),
      grouped(of_table, {offset("the model's", r.data.offset)}),
      grouped(
          of_certificate,
          {in(of_teacher,
              text({.name = "teacher",
                    .value = "FILE|random:...",
                    .help = "Judge the model on the exact population of this teacher (see train)"},
                   r.teacher)),
           number_or_auto(
               {.name = "lambda",
                .help = "Weight decay of the standardized problem",
                .range = CertifyOptions::Limits::lambda,
                .default_note = "what the model was trained with; where it does not say, "
                                "what makes its relative gap smallest"},
               how.lambda),
           standardize(
               "Coordinates in which an NPZ network is judged: none, scale or whiten, as in "
               "train; other models bring their own",
               "none", r.standardize),
           number({.name = "tolerance",
                   .value = "X",
                   .help = "A neuron violates optimality when |eta - sign(a)| exceeds this",
                   .range = CertifyOptions::Limits::tolerance},
                  how.tolerance),
           flag_option({.name = "rigorous",
                        .help = "Prove sup |eta| by branch and bound instead of estimating it; for "
                                "effective dimensions up to about 4"},
                       how.rigorous),
           number(
               {.name = "bound_tolerance",
                .value = "X",
                .help = "With {rigorous}: stop when the bound is this close to an attained value, "
                        "relative",
                .range = RigorousOptions::Limits::tolerance},
               how.proof.tolerance),
           number({.name = "max_cells",
                   .value = "N",
                   .help = "With {rigorous}: budget of cells, after which the best bound stands",
                   .range = RigorousOptions::Limits::max_cells,
                   .unit = "cells"},
                  how.proof.max_cells),
           number<Index>({.name = "starts",
                          .value = "N",
                          .help = "Random directions from which |eta| is climbed",
                          .range = AscentOptions::Limits::random_starts,
                          .unit = "directions"},
                         how.ascent.random_starts),
           number({.name = "seed",
                   .value = "N",
                   .help = "Seed of the random directions",
                   .range = any_seed},
                  how.ascent.seed)}),
  });
}

std::vector<Option> certificate_options(CertificateRequest& r) {
  using Limits = TeacherCertificateOptions::Limits;
  TeacherCertificateOptions& how = r.how;
  return grouped(
      of_certificate,
      {in(of_teacher, a_teacher(r.teacher)),
       number(
           {.name = "order",
            .value = "N",
            .help = "Lowest Hermite order l of p: a larger one localizes eta, and makes p longer",
            .range = Limits::order,
            .default_note = "of 2, 4, 6, 8, 12, 16 (and up to 64 where none of these will do) "
                            "that with the smallest ||p||^2 / rho"},
           how.order),
       number<Index>({.name = "proof_dimensions",
                      .value = "N",
                      .help = "Prove the margin rho by branch and bound where the teacher's "
                              "directions span at most N dimensions; 0 leaves the proof out",
                      .range = Limits::proof_dimensions,
                      .unit = "dimensions"},
                     how.proof_dimensions),
       number({.name = "max_cells",
               .value = "N",
               .help = "Budget of cells of the proof, after which rho stays an estimate",
               .range = Limits::max_cells,
               .unit = "cells"},
              how.max_cells),
       number({.name = "seed",
               .value = "N",
               .help = "Seed of the directions from which rho is searched for",
               .range = any_seed},
              how.seed)});
}

std::vector<Option> flow_options(FlowRequest& r) {
  using Limits = FlowRequest::Limits;
  using How = FlowOptions::Limits;
  FlowOptions& how = r.how;
  return joined({
      grouped(of_teacher,
              {a_teacher(r.teacher),
               number<Index>({.name = "samples",
                              .value = "N",
                              .help = "Take the loss on N rows drawn from the teacher",
                              .range = Limits::samples,
                              .unit = "rows",
                              .default_note = "its exact population"},
                             r.samples),
               number({.name = "noise",
                       .value = "S",
                       .help = "Noise on drawn targets, as a share of the noiseless target's "
                               "deviation",
                       .range = Limits::noise},
                      r.noise)}),
      grouped(
          of_network,
          {text({.name = "init",
                 .value = "FILE",
                 .help = "Network to start from: network.json of a run, or an NPZ file with the "
                         "arrays a and W",
                 .default_note = "the symmetric start of train"},
                r.init),
           number<Index>({.name = "width",
                          .value = "M",
                          .help = "Number of neurons of the symmetric start",
                          .range = Limits::width,
                          .unit = "neurons"},
                         r.width),
           number({.name = "seed",
                   .value = "N",
                   .help = "Seed of the symmetric start, and of rows and noise",
                   .range = any_seed},
                  r.seed),
           number({.name = "init_scale",
                   .value = "X",
                   .help = "Both layers of the symmetric start times this; 1 is the start of "
                           "train",
                   .range = Limits::init_scale},
                  r.init_scale)}),
      grouped(
          of_descent,
          {in(of_decay,
              number({.name = "lambda", .value = "X", .help = "Weight decay", .range = How::lambda},
                     how.lambda)),
           number({.name = "relative_tolerance",
                   .value = "X",
                   .help = "Error of a step of the integrator, as a share of each number of the "
                           "network",
                   .range = How::relative_tolerance},
                  how.relative_tolerance),
           number({.name = "absolute_tolerance",
                   .value = "X",
                   .help = "Error of a step that any number may have",
                   .range = How::absolute_tolerance},
                  how.absolute_tolerance)}),
      grouped(
          "Events",
          {number({.name = "death_share",
                   .value = "P",
                   .help = "A neuron dies when its mass falls below this share of what it had at "
                           "the start",
                   .range = How::death_share},
                  how.death_share),
           number({.name = "merge_angle_deg",
                   .value = "X",
                   .help = "Neurons of one sign merge when their lines come nearer than this",
                   .range = How::merge_angle_deg,
                   .unit = "degrees"},
                  how.merge_angle_deg),
           number({.name = "plateau_rate",
                   .value = "X",
                   .help = "A plateau begins where -d log(loss)/d log(time) falls below this, and "
                           "ends above twice this; the loss has its penalty",
                   .range = How::plateau_rate},
                  how.plateau_rate)}),
      grouped(of_budget,
              {number({.name = "time",
                       .value = "X",
                       .help = "Time at which the flow ends",
                       .range = How::time,
                       .default_note = "when {tolerance} is reached"},
                      how.time),
               number({.name = "tolerance",
                       .value = "X",
                       .help = "The flow also ends where the norm of the gradient is at most this",
                       .range = How::tolerance},
                      how.tolerance),
               number({.name = "max_steps",
                       .value = "N",
                       .help = "Budget of steps of the integrator",
                       .range = How::max_steps,
                       .unit = "steps"},
                      how.max_steps),
               number({.name = "max_seconds",
                       .value = "X",
                       .help = "Budget of seconds",
                       .range = Limits::max_seconds,
                       .unit = "seconds"},
                      r.max_seconds),
               number<Index>({.name = "records_per_decade",
                              .value = "N",
                              .help = "Records in each tenfold time, from 0.01 on",
                              .range = How::records_per_decade,
                              .unit = "records"},
                             how.records_per_decade)}),
  });
}

std::vector<Option> sweep_options(SweepRequest& r) {
  Option grid =
      names({.name = "grid",
             .value = "KEY=V,V,...",
             .help = "A key of train's configuration, or teacher.KEY of a random teacher, "
                     "and the values it takes: a list, or for numbers LOW:HIGH, "
                     "LOW:HIGH:STEP or LOW:HIGH:xFACTOR; give it once for each key",
             .default_note = "none: only seeds"},
            r.grid);
  grid.repeats = true;
  return grouped(
      "Sweep",
      {grid,
       text(
           {.name = "seeds",
            .value = "LIST",
            .help = "Seeds of the runs, as in 0:9 or 0,3,7; a random teacher that names no seed is "
                    "drawn anew by each",
            .default_note = "{seed}"},
           r.seeds),
       flag_option({.name = "keep_runs",
                    .help = "Keep model, network and history of every run, not only its summary"},
                   r.keep_runs)});
}

std::vector<Option> predict_options(PredictOptions& o) {
  return grouped(
      of_table,
      {number_or_auto(
           {.name = "interval",
            .help = "Write the ends of intervals that hold this share of new targets beside the "
                    "predictions; the model is the folder of a cross-validated fit",
            .range = PredictionIntervals::Limits::level,
            .default_note = "none"},
           o.interval),
       delimiter(o.delimiter), offset("the model's", o.offset)});
}

}  // namespace lodestone
