#include "progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "feature_table.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

std::string or_dash(double value, const char* format) {
  return std::isnan(value) ? "-" : fmt::format(fmt::runtime(format), value);
}

const char* verdict(const TeacherRecovery& teacher) {
  if (teacher.recovered) return "yes";
  return teacher.matched ? "matched" : "no";
}

std::string teacher_table(const TrainResult& result) {
  std::string table = fmt::format("  {:>9}  {:>9}  {:>9}  {:>11}  {:>7}  {}\n", "direction",
                                  "amplitude", "found", "angle", "neurons", "recovered");
  int number = 0;
  for (const TeacherRecovery& teacher : result.recovery->per_teacher) {
    table += fmt::format("  {:>9}  {:>9.4g}  {:>9.4g}  {:>9.4f}°  {:>7}  {}\n", ++number,
                         teacher.amplitude, teacher.mass, teacher.angle_deg, teacher.neurons,
                         verdict(teacher));
  }
  return table;
}

}  // namespace

Progress::Progress(const TrainOptions& options, const Problem& problem, bool quiet)
    : options_(options),
      null_loss_(problem.objective->null_loss()),
      target_loss_(options.algorithm.target_loss(*problem.objective)),
      chosen_by_validation_(problem.validation.has_value()),
      quiet_(quiet),
      line_(quiet) {}

void Progress::on_row(const HistoryRow& row) {
  last_ = row;
  if (quiet_ || line_.shown() || !row.end_of_epoch) return;
  if (!header_printed_) {
    say(fmt::format("{:>5} {:>5} {:>8} {:>10} {:>11} {:>8} {:>11} {:>11} {:>8}\n", "stage", "epoch",
                    "step", "lambda", "loss", "neurons", "mean angle", "validation", "seconds"));
    header_printed_ = true;
  }
  say(fmt::format("{:>5} {:>5} {:>8} {:>10.3g} {:>11.4g} {:>8} {:>11} {:>11} {:>8.1f}\n",
                  static_cast<int>(row.stage), row.epoch, row.step, row.lambda, row.loss,
                  row.neurons, or_dash(row.mean_angle_deg, "{:.4f}°"),
                  or_dash(row.validation_error, "{:.4g}"), row.seconds));
}

void Progress::on_step(const TrainState& state) {
  if (!line_.shown() || state.seconds < next_draw_) return;
  next_draw_ = state.seconds + 0.1;
  last_.step = state.algorithm.steps;
  last_.lambda = state.algorithm.lambda;
  draw(state.seconds);
}

// Stage 3 lowers the logarithm of the loss about evenly from epoch to epoch, and each epoch takes
// longer than the one before: in trials the time went like its cube. A budget of steps may come
// first.
double Progress::fraction_done(double loss, long steps) const {
  double fraction = static_cast<double>(steps) / static_cast<double>(options_.algorithm.max_steps);
  if (loss > 0.0 && target_loss_ > 0.0 && null_loss_ > target_loss_) {
    const double whole = std::log(null_loss_ / target_loss_);
    fraction = std::max(fraction, std::pow(std::log(null_loss_ / loss) / whole, 3));
  }
  return std::clamp(fraction, 0.0, 1.0);
}

void Progress::draw(double seconds) {
  const std::string loss = fmt::format("loss {:.3g}", last_.loss);
  const std::string neurons = fmt::format("neurons {}", last_.neurons);
  const std::string step = fmt::format("step {}", last_.step);
  const std::string lambda = fmt::format("lambda {:.3g}", last_.lambda);
  if (chosen_by_validation_) {
    line_.draw({fmt::format("[epoch {}]", last_.epoch), fmt::format("{:.0f} s", seconds), loss,
                neurons, step, lambda});
    return;
  }
  const double fraction = fraction_done(last_.loss, last_.step);
  const std::string left =
      fraction > 0.02 ? fmt::format("{:.0f} s left", seconds * (1.0 - fraction) / fraction) : "";
  line_.draw(fraction, {left, loss, neurons, step, lambda});
}

void Progress::finish() { line_.clear(); }

std::string result_table(const Problem& problem, const TrainState& state,
                         const TrainResult& result) {
  std::string text;
  if (result.recovery) {
    text += teacher_table(result);
    text += fmt::format(
        "\n{0} of {1} hidden directions recovered: matched by neurons that sit on them\n"
        "{2} of {1} matched: average neuron within 0.1°, amplitude within 1%\n"
        "all neurons: mean angle {3:.4f}° to the nearest direction, far mass {4:.2f}% (beyond "
        "10°)\n",
        result.recovery->recovered, result.recovery->teachers, result.recovery->matched,
        result.recovery->mean_angle_deg, 100.0 * result.recovery->far_mass);
    if (result.recovery_bound) text += in_words(*result.recovery_bound) + "\n";
  } else {
    text += feature_table(result.model) + "\n";
  }
  if (problem.dropped_rows > 0) {
    text += fmt::format("{} rows with missing values were left out\n", problem.dropped_rows);
  }
  text +=
      fmt::format("loss {:.3g} at lambda {:.3g}, {} features from {} neurons, {} steps, {:.1f} s\n",
                  result.loss, result.lambda, result.model.features.size(), result.network.width(),
                  state.algorithm.steps, state.seconds);
  if (result.test) {
    text +=
        result.test->rows > 0
            ? fmt::format("test error on {} rows kept aside: RMSE {:.4g}, R² {}\n",
                          result.test->rows, result.test->rmse, or_dash(result.test->r2, "{:.4f}"))
            : fmt::format("test error (exact): RMSE {:.4g}, {:.3g} of the target's variance\n",
                          result.test->rmse, result.test->relative_error);
  }
  if (result.certificate) {
    text += fmt::format("sup |eta| = {:.4g}; P_lambda within {:.2g} relative of its minimum ({})\n",
                        result.certificate->sup_eta, result.certificate->relative_gap, "estimated");
  }
  for (const Warning& warning : result.warnings) {
    text += "warning: " + in_words(warning.message) + "\n";
  }
  text += in_words(result.message) + "\n";
  return text;
}

}  // namespace lodestone::app
