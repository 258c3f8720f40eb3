#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/factorizations.hpp"
#include "laboratory/experiments.hpp"
#include "laboratory/trajectory.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/theory/dual_certificate.hpp"

namespace lodestone::laboratory {
namespace {

Vector signs_of(const Teacher& teacher) { return teacher.amplitudes.array().sign().matrix(); }

// Values without the condition on the gradients: η is ±1 at the teachers and rises beyond.
DualCertificate without_flat_peaks(const Teacher& teacher, int l) {
  DualCertificate result = interpolate(teacher.directions, signs_of(teacher), l);
  const Index k = teacher.neurons();
  result.tangents.setZero();
  Eigen::MatrixXd gram(k, k);
  for (Index j = 0; j < k; ++j) {
    result.amplitudes = Vector::Unit(k, j);
    gram.col(j) = result.correlate(teacher.directions).value;
  }
  result.amplitudes = solve_symmetric(gram, signs_of(teacher));
  result.squared_norm = signs_of(teacher).dot(result.amplitudes);
  return result;
}

// η over the half circle for a teacher in the plane.
DataTable circle_table(const std::string& name, const Teacher& teacher,
                       const std::vector<DualCertificate>& functions,
                       const std::vector<DataTable::Column>& columns) {
  DataTable table;
  table.name = name;
  table.columns = {{"angle_deg", "direction u, degrees"},
                   {"delta_deg", "angle to the nearest teacher, degrees"}};
  table.columns.insert(table.columns.end(), columns.begin(), columns.end());
  for (int i = 0; i <= 720; ++i) {
    const double angle = 0.25 * i * std::numbers::pi / 180.0;
    const Vector u = Eigen::Vector2d(std::cos(angle), std::sin(angle));
    std::vector<double> row = {0.25 * i,
                               nearest_angle(teacher.directions, u) * 180.0 / std::numbers::pi};
    for (const DualCertificate& function : functions) row.push_back(function.value(u));
    table.rows.push_back(std::move(row));
  }
  return table;
}

DataTable teacher_table(const std::string& name, const Teacher& teacher) {
  DataTable table;
  table.name = name;
  table.columns = {{"angle_deg", "direction of the teacher, degrees"},
                   {"amplitude", "a*, the teacher's amplitude"}};
  for (Index j = 0; j < teacher.neurons(); ++j) {
    const double angle = std::atan2(teacher.directions(j, 1), teacher.directions(j, 0));
    const double half = angle < 0.0 ? angle + std::numbers::pi : angle;
    table.rows.push_back({half * 180.0 / std::numbers::pi, teacher.amplitudes[j]});
  }
  return table;
}

// ------------------------------------------------------------------- Definition 1

ExperimentResult run_definition(const LaboratoryOptions& options) {
  const int per_size = by_effort(options.effort, 1, 4, 25);
  const int largest_r = by_effort(options.effort, 3, 4, 4);
  const double share = 0.9;
  ExperimentResult result;
  DataTable table;
  table.name = "def-1";
  table.columns = {{"r", "dimension of the teachers' span"},
                   {"d", "number of inputs"},
                   {"k", "number of teachers"},
                   {"order", "ℓ, lowest Hermite order of p"},
                   {"rho", "ρ found by search"},
                   {"norm", "‖p‖"},
                   {"proven", "1: |η| ≤ 1 − 0.9ρδ² is proven on the whole sphere"},
                   {"cells", "cells of the sphere that the proof took"}};
  int proven = 0;
  int count = 0;
  Index cells = 0;
  double least_rho = HUGE_VAL;
  for (int r = 2; r <= largest_r; ++r) {
    for (int i = 0; i < 2 * per_size && !stopped(options); ++i) {
      report_progress(options, (r - 2 + 0.5 * i / per_size) / (largest_r - 1));
      const Index d = i % 2 == 0 ? r : r + 3;
      const Index k = r + i / 2 % 2;
      const Teacher teacher =
          drawn_teacher(options, fmt::format("def-1 r={}", r), i, d, k, r, 20.0);
      BestCertificate best = best_certificate(teacher.directions, signs_of(teacher));
      if (options.broken) {
        best.certificate = without_flat_peaks(teacher, best.certificate.order);
        best.margin = estimate_margin(best.certificate);
      }
      MarginProof proof;
      if (best.margin.rho > 0.0) proof = prove_margin(best.certificate, share * best.margin.rho);
      ++count;
      proven += proof.proven ? 1 : 0;
      cells += proof.cells;
      least_rho = std::min(least_rho, best.margin.rho);
      table.rows.push_back({static_cast<double>(r), static_cast<double>(d), static_cast<double>(k),
                            static_cast<double>(best.certificate.order), best.margin.rho,
                            std::sqrt(best.certificate.squared_norm), proof.proven ? 1.0 : 0.0,
                            static_cast<double>(proof.cells)});
    }
  }
  result.checks = {
      {"share of random teachers (r ≤ 4) whose certificate is proven on the whole sphere",
       count > 0 ? static_cast<double>(proven) / count : NAN, 1.0},
      {"smallest ρ", least_rho, 1e-6},
  };
  result.verdict = fmt::format(
      "{} of {} certificates are proven, rounding included, by branch and bound over {} cells of "
      "the sphere: |η| ≤ 1 − 0.9ρδ² for every direction, also those that leave the teachers' span. "
      "The smallest ρ is {:.3g}. Where there are more inputs than the span has dimensions ρ is at "
      "most 0.405 = (2/π)², because η is 0 at right angles to all teachers.",
      proven, count, cells, least_rho);

  const Teacher plane = drawn_teacher(options, "def-1 figure", 0, 2, 3, 2, 35.0);
  const BestCertificate best = best_certificate(plane.directions, signs_of(plane));
  DualCertificate shown = best.certificate;
  if (options.broken) shown = without_flat_peaks(plane, shown.order);
  result.tables = {circle_table("def-1-circle", plane, {shown}, {{"eta", "η(u)"}}),
                   teacher_table("def-1-teachers", plane), table};
  result.figures = {
      {"def-1",
       "Figure 2 of the paper, redone: a dual certificate η over all directions of the plane "
       "(mirror images count as one). It touches +1 or −1, flat, exactly at the teachers (dots, by "
       "the signs of their amplitudes) and stays inside the dashed parabolas 1 − ρδ² elsewhere.",
       fmt::format(R"gp(set xlabel "direction u (degrees)"
set ylabel "η(u)"
set xrange [0:180]
set xtics 30
set yrange [-1.25:1.25]
set key outside top center horizontal
rho = {}
limit(delta) = 1 - rho * (delta * pi / 180) ** 2
plot "data/def-1-circle.csv" using "angle_deg":(limit(column("delta_deg"))) with lines lt 7 dt 2 lw 1.5 title "±(1 − ρδ²)", \
     "" using "angle_deg":(-limit(column("delta_deg"))) with lines lt 7 dt 2 lw 1.5 notitle, \
     "" using "angle_deg":"eta" with lines lt 1 lw 3 title "η", \
     "data/def-1-teachers.csv" using "angle_deg":(sgn(column("amplitude"))) with points lt 2 ps 1.2 title "teachers"
)gp",
                   best.margin.rho)}};
  return result;
}

// ------------------------------------------------------------------- Lemma 6.2

ExperimentResult run_existence(const LaboratoryOptions& options) {
  const int repeats = by_effort(options.effort, 1, 2, 12);
  const std::vector<double> angles =
      options.effort == Effort::minimal
          ? std::vector<double>{40.0, 20.0, 10.0, 5.0}
          : std::vector<double>{60.0, 45.0, 30.0, 20.0, 10.0, 5.0, 3.0};
  const std::vector<Index> sizes = options.effort == Effort::minimal
                                       ? std::vector<Index>{2, 4}
                                       : std::vector<Index>{2, 3, 4, 6, 8, 12};
  ExperimentResult result;
  DataTable table;
  table.name = "lem-6.2";
  table.columns = {{"k", "number of teachers"},
                   {"r", "dimension of their span"},
                   {"angle_deg", "smallest angle, between two of opposite signs, degrees"},
                   {"order", "ℓ, lowest Hermite order of p; 0: no certificate"},
                   {"rho", "ρ found by search"},
                   {"norm", "‖p‖"}};
  int existing = 0;
  int count = 0;
  double least_rho = HUGE_VAL;
  double largest_norm = 0.0;
  std::vector<double> pair_angles;
  std::vector<double> pair_norms;
  for (std::size_t s = 0; s < sizes.size(); ++s) {
    for (std::size_t g = 0; g < angles.size(); ++g) {
      for (int i = 0; i < repeats && !stopped(options); ++i) {
        const double done = static_cast<double>(s * angles.size() + g);
        report_progress(options, done / static_cast<double>(sizes.size() * angles.size()));
        const Index k = sizes[s];
        const Index r = std::clamp<Index>(k, 2, k == 12 ? 8 : 6);
        const double angle = options.broken ? 0.02 : angles[g];
        const auto number = static_cast<std::uint64_t>(100 * (10 * s + g)) + i;
        const Teacher teacher = close_teacher(derived_seed(options.seed, "lem-6.2", number), k, r,
                                              angle, std::min(angle, 40.0));
        BestCertificate best;
        try {
          best = best_certificate(teacher.directions, signs_of(teacher));
        } catch (const InvalidArgument&) {
          best.certificate.order = 0;  // as good as parallel
          best.certificate.squared_norm = NAN;
        }
        const double norm = std::sqrt(best.certificate.squared_norm);
        ++count;
        if (best.margin.rho > 0.0) {
          ++existing;
          largest_norm = std::max(largest_norm, norm);
          if (k == 2) {
            pair_angles.push_back(angle);
            pair_norms.push_back(norm);
          }
        }
        least_rho = std::min(least_rho, best.margin.rho);
        table.rows.push_back({static_cast<double>(k), static_cast<double>(r), angle,
                              static_cast<double>(best.certificate.order), best.margin.rho, norm});
      }
    }
  }
  const double exponent = fitted_exponent(pair_angles, pair_norms);
  std::vector<double> constants;  // of ‖p‖ = c·angle^(−3/2)
  for (std::size_t i = 0; i < pair_norms.size(); ++i) {
    constants.push_back(pair_norms[i] * std::pow(pair_angles[i], 1.5));
  }
  result.checks = {
      {"share of separated teachers that have a certificate",
       count > 0 ? static_cast<double>(existing) / count : NAN, 1.0},
      {"smallest ρ", least_rho, 1e-6},
      {"exponent of ‖p‖ in the angle, two teachers of opposite signs", exponent, -1.7, -1.3},
  };
  result.verdict = fmt::format(
      "{} of {} teachers have a certificate, with up to {} neurons and angles from {:g}° down to "
      "{:g}°; the smallest ρ is {:.3g} and the largest ‖p‖ {:.3g}. ‖p‖ is the price of closeness: "
      "for two teachers of opposite signs it grows as angle^{:.2f}. A function in the kernel's "
      "space that turns from +1 to −1 within Δ needs a norm of order Δ^(−3/2), in any dimension.",
      existing, count, sizes.back(), angles.front(), angles.back(), least_rho, largest_norm,
      exponent);
  result.tables = {table};
  result.figures = {{"lem-6.2",
                     "The norm ‖p‖ of the certificate, which enters every bound, against the "
                     "smallest angle between two teachers. The dashed line has slope −3/2.",
                     fmt::format(R"gp(set logscale xy
set xlabel "smallest angle between teachers (degrees)"
set ylabel "‖p‖"
set xtics (3, 5, 10, 20, 30, 45, 60)
set xrange [2.5:75]
set palette defined (2 "#56b4e9", 4 "#0072b2", 8 "#d55e00", 12 "#7a2000")
constant = {}
set cblabel "number of teachers k"
plot "data/lem-6.2.csv" using "angle_deg":"norm":"k" with points pt 7 ps 0.7 lc palette notitle, \
     constant * x ** -1.5 with lines lt 7 dt 2 title "slope -3/2"
)gp",
                                 quantile(constants, 0.5))}};
  return result;
}

}  // namespace

Experiment definition_1() {
  return {
      "def-1",
      "Dual certificates",
      "A non-degenerate dual certificate is a function η(u) = E[p(x) relu(u·x)] that equals the "
      "sign of each teacher's amplitude at that teacher and satisfies |η(u)| ≤ 1 − ρδ(u)² with "
      "some ρ > 0 for all directions u.",
      true,
      "η by interpolation for random teachers in r = 2, 3, 4 dimensions, with and without more "
      "inputs than that; then a proof by branch and bound over the whole sphere.",
      "The inequality itself with 0.9 of the ρ that a search finds: every direction has to "
      "satisfy it, so the share proven has to be 1.",
      "η is interpolated without asking for a zero gradient at the teachers: it passes through "
      "±1 with a slope, and exceeds 1 beside them.",
      run_definition};
}

Experiment lemma_6_2() {
  return {"lem-6.2",
          "Separated teachers have certificates",
          "For every teacher whose directions are at least some angle Δ apart, up to sign, a "
          "non-degenerate dual certificate exists; the closer the teachers, the larger its norm.",
          true,
          "Random teachers of up to 12 neurons, each with one pair of opposite signs exactly Δ "
          "apart, from 60° down to 3°: the smallest ρ and ‖p‖ over the orders ℓ that were tried.",
          "Existence for each of them; ‖p‖ ∝ Δ^(−3/2) for two teachers of opposite signs, from the "
          "smoothness of the kernel (docs/math.md, 7.2).",
          "Separation: two of the directions are 0.02° apart.",
          run_existence};
}

}  // namespace lodestone::laboratory
