#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "laboratory/experiments.hpp"
#include "laboratory/trajectory.hpp"
#include "lodestone/model/recovery.hpp"
#include "lodestone/theory/dual_certificate.hpp"

namespace lodestone::laboratory {
namespace {

constexpr double far_angle = 10.0 * std::numbers::pi / 180.0;

// What a teacher's certificate and test functions say about any network (docs/math.md, 7.7).
struct Bounds {
  double rho = 0.0;
  double norm = 0.0;                // ‖p‖
  std::vector<double> test_norm;    // ‖p_j‖ of each test function
  std::vector<double> test_growth;  // sup |g_j − 1{j is nearest}| / δ², by search

  double second_moment(double zeta, double lambda) const {
    return (zeta / lambda + 0.5 * lambda * norm * norm) / rho;
  }
  double far_mass(double zeta, double lambda) const {
    return second_moment(zeta, lambda) / (far_angle * far_angle);
  }
  double group_mass(std::size_t j, double zeta, double lambda) const {
    return test_norm[j] * (2.0 * lambda * norm + std::sqrt(2.0 * zeta)) +
           test_growth[j] * second_moment(zeta, lambda);
  }
};

Bounds bounds_of(const Teacher& teacher, std::uint64_t seed) {
  const BestCertificate best =
      best_certificate(teacher.directions, teacher.amplitudes.array().sign().matrix());
  Bounds bounds{best.margin.rho, std::sqrt(best.certificate.squared_norm), {}, {}};
  constexpr int probes = 4000;
  Draw draw(seed, "localization probes");
  Matrix U(probes, teacher.dimension());
  for (Index i = 0; i < probes; ++i) {
    // Half of them near teachers, where the ratio has its limits.
    Vector u = draw.direction(teacher.dimension());
    if (i % 2 == 0) {
      const Index j = draw.integer(0, teacher.neurons() - 1);
      u = teacher.directions.row(j).transpose() + draw.power(-2.0, 0.0) * u;
    }
    U.row(i) = u.normalized();
  }
  for (Index j = 0; j < teacher.neurons(); ++j) {
    const DualCertificate test =
        interpolate(teacher.directions, Vector::Unit(teacher.neurons(), j), best.certificate.order);
    const Vector values = test.correlate(U).value;
    double growth = 0.0;
    for (Index i = 0; i < probes; ++i) {
      const double delta = nearest_angle(teacher.directions, U.row(i));
      const bool own = nearest_angle(teacher.directions.row(j), U.row(i)) <= delta + 1e-12;
      growth = std::max(growth, std::abs(values[i] - (own ? 1.0 : 0.0)) / (delta * delta));
    }
    bounds.test_norm.push_back(std::sqrt(test.squared_norm));
    bounds.test_growth.push_back(growth);
  }
  return bounds;
}

struct LocalizationPoint {
  int teacher = 0;
  double lambda = 0.0;
  double zeta = 0.0;
  double far_mass = 0.0;  // not a share
  double far_bound = 0.0;
  double mass_error = 0.0;  // largest over teachers
  double mass_bound = 0.0;  // of that teacher
  bool end_of_epoch = false;
};

LocalizationPoint point_at(int number, const Teacher& teacher, const Bounds& bounds,
                           const Snapshot& snapshot) {
  const Recovery recovery = measure_recovery(teacher, snapshot.network);
  LocalizationPoint point{number,
                          snapshot.lambda,
                          snapshot.zeta,
                          recovery.far_mass * masses(snapshot.network).sum(),
                          bounds.far_mass(snapshot.zeta, snapshot.lambda),
                          0.0,
                          1.0,
                          snapshot.end_of_epoch};
  double worst = -1.0;
  for (std::size_t j = 0; j < recovery.per_teacher.size(); ++j) {
    const TeacherRecovery& found = recovery.per_teacher[j];
    const double error = std::abs(found.mass - found.amplitude);
    const double bound = bounds.group_mass(j, snapshot.zeta, snapshot.lambda);
    if (error / bound > worst) {
      worst = error / bound;
      point.mass_error = error;
      point.mass_bound = bound;
    }
  }
  return point;
}

ExperimentResult run_localization(const LaboratoryOptions& options) {
  const int teachers = by_effort(options.effort, 2, 6, 30);
  std::vector<LocalizationPoint> points;
  double final_far = 0.0;
  double final_error = 0.0;
  double final_lambda = 0.0;
  std::vector<double> lambdas;
  std::vector<double> errors;
  for (int t = 0; t < teachers && !stopped(options); ++t) {
    report_progress(options, static_cast<double>(t) / teachers);
    const Index k = 2 + t % 3;
    const Teacher teacher = drawn_teacher(options, "lem-6.1", t, 6, k, k, 30.0);
    const PopulationObjective objective(teacher);
    const Bounds bounds = bounds_of(
        teacher, derived_seed(options.seed, "lem-6.1 probes", static_cast<std::uint64_t>(t)));
    Algorithm1Options algorithm;
    algorithm.width = 60;
    algorithm.seed = derived_seed(options.seed, "lem-6.1 start", static_cast<std::uint64_t>(t));
    algorithm.absolute_tolerance = 1e-7;
    algorithm.record_every = 50;
    Trajectory run = follow(objective, algorithm);
    if (run.minima.empty()) continue;
    if (options.broken) {
      // Without weight decay the loss falls as far, the gap of P_λ does not.
      const Minimum last = run.minima.back();
      algorithm.schedule.kind = Schedule::Kind::none;
      algorithm.lambda_start = run.minima.front().lambda;
      algorithm.max_steps = 5000;
      run = follow(objective, algorithm);
      for (Snapshot& snapshot : run.snapshots) {
        balance(snapshot.network);
        snapshot = snapshot_of(objective, snapshot.network, last.lambda, last.least);
      }
    }
    for (const Snapshot& snapshot : run.snapshots) {
      points.push_back(point_at(t, teacher, bounds, snapshot));
      if (snapshot.end_of_epoch) {
        lambdas.push_back(snapshot.lambda);
        errors.push_back(points.back().mass_error);
      }
    }
    const LocalizationPoint& end = points.back();
    final_far = std::max(final_far, end.far_mass);
    final_error = std::max(final_error, end.mass_error);
    final_lambda = std::max(final_lambda, end.lambda);
  }
  double far_ratio = 0.0;
  double mass_ratio = 0.0;
  for (const LocalizationPoint& point : points) {
    far_ratio = std::max(far_ratio, point.far_mass / point.far_bound);
    mass_ratio = std::max(mass_ratio, point.mass_error / point.mass_bound);
  }
  const double exponent = fitted_exponent(lambdas, errors);
  ExperimentResult result;
  result.checks = {
      {"mass further than 10° from every teacher at the end of a run, at most",
       points.empty() ? NAN : final_far, -HUGE_VAL, 0.01},
      {"error of a group's mass at the end of a run, at most", points.empty() ? NAN : final_error,
       -HUGE_VAL, 0.01},
      {"largest far mass as a share of its bound", far_ratio, -HUGE_VAL, 1.0},
      {"largest error of a group's mass as a share of its bound", mass_ratio, -HUGE_VAL, 1.0},
  };
  result.verdict = fmt::format(
      "At the end of {} runs (λ ≤ {:.1g}) at most {:.2g} of mass is further than 10° from every "
      "teacher, and each group's mass is within {:.2g} of its teacher's. On the way there far mass "
      "is never above {:.2g} of its bound, errors of group masses never above {:.2g} of theirs; at "
      "the ends of epochs the errors go like λ^{:.2f}.",
      teachers, final_lambda, final_far, final_error, far_ratio, mass_ratio, exponent);
  DataTable table;
  table.name = "lem-6.1";
  table.columns = {{"teacher", "which teacher"},
                   {"lambda", "weight decay λ"},
                   {"zeta", "gap ζ"},
                   {"far_mass", "mass further than 10° from every teacher"},
                   {"far_bound", "its bound, (ζ/λ + λ‖p‖²/2)/(ρ·(10°)²)"},
                   {"mass_error", "error of a group's mass, of the one nearest to its bound"},
                   {"mass_bound", "its bound, ‖p_j‖(2λ‖p‖ + √(2ζ)) + C_j(ζ/λ + λ‖p‖²/2)/ρ"},
                   {"end_of_epoch", "1: the end of an epoch"}};
  for (const LocalizationPoint& point : points) {
    table.rows.push_back({static_cast<double>(point.teacher), point.lambda, point.zeta,
                          point.far_mass, point.far_bound, point.mass_error, point.mass_bound,
                          point.end_of_epoch ? 1.0 : 0.0});
  }
  result.tables = {table};
  result.figures = {{"lem-6.1",
                     "What is wrong with the student's mass at the end of each epoch, against the "
                     "weight decay, for every teacher: as λ falls, no mass is left far from the "
                     "teachers and each group's mass becomes its teacher's. Pale: the bounds.",
                     R"gp(set logscale xy
set format "10^{%T}"
set xlabel "weight decay λ"
set ylabel "mass"
set yrange [1e-6:1e4]
set key bottom right
plot "data/lem-6.1.csv" using "lambda":(column("end_of_epoch") > 0 ? column("mass_bound") : NaN) with points lt 6 ps 0.4 title "bound of the error", \
     "" using "lambda":(column("end_of_epoch") > 0 ? column("far_bound") : NaN) with points lt 5 ps 0.4 title "bound of the far mass", \
     "" using "lambda":(column("end_of_epoch") > 0 ? column("mass_error") : NaN) with points lt 1 ps 0.6 title "error of a group's mass", \
     "" using "lambda":(column("end_of_epoch") > 0 ? column("far_mass") : NaN) with points lt 2 ps 0.6 title "mass beyond 10°"
)gp"}};
  return result;
}

}  // namespace

Experiment lemma_6_1() {
  return {"lem-6.1",
          "A small gap means that mass has gathered",
          "When the gap ζ and λ are small, nearly all mass is close to teachers, and the mass that "
          "has gathered around each teacher is nearly that teacher's amplitude.",
          true,
          "Mass further than 10° from every teacher, and the signed mass nearest to each teacher "
          "less its amplitude, along runs of Algorithm 1.",
          "At the end of every run 0.01, the error that recovery allows (amplitudes are 1); and "
          "everywhere the bounds that the dual "
          "certificate and the test functions give from ζ and λ (docs/math.md, 7.7).",
          "The small gap: the network is trained to a small loss without weight decay.",
          run_localization};
}

}  // namespace lodestone::laboratory
