#pragma once

#include <functional>

#include "laboratory/trajectory.hpp"

// The adversary: one search for the case in which an inequality has the least slack.
namespace lodestone::laboratory {

/// What the adversary makes small. `violation` is 0 where the inequality speaks; elsewhere it says
/// how far outside a point is, and `value` does not count.
struct Slack {
  double value = infinity;
  double violation = 0.0;

  /// Less violation first, then less value. A NaN is worst for the adversary.
  bool less_than(const Slack& other) const;
};

using SlackFunction = std::function<Slack(const Vector& point)>;

struct LeastSlack {
  Vector point;
  Slack slack;
};

/// Searches for the point of least slack by the evolution strategy with covariance matrix
/// adaptation (Hansen and Ostermeier 2001). It only compares slacks, so that they may have kinks
/// and borders. spread: deviations of the first trials, coordinate by coordinate; where it is 0 the
/// coordinate stays as in start. The result is never worse than the start.
LeastSlack least_slack(const SlackFunction& slack, const Vector& start, const Vector& spread,
                       int evaluations, std::uint64_t seed);

/// What the adversary may choose from, beside the network.
struct AdversaryDomain {
  double min_angle_deg = 30.0;  ///< between teachers, up to sign
  double lambda_low = 0.0;
  double lambda_high = infinity;
};

/// How many cases the adversary looks at.
struct AdversaryEffort {
  int networks = 0;  ///< with teacher and λ as they are: cheap
  int together = 0;  ///< with all of them changing, each of which asks for min P_λ anew
};

/// An inequality about a network at some λ, ζ measured.
using Inequality = std::function<Slack(const Snapshot& snapshot)>;

struct WorstCase {
  Teacher teacher;
  Snapshot snapshot;
  Slack slack;
};

/// Searches networks first, and then networks, teachers (with amplitudes as they are) and λ
/// together, from a teacher, a λ and a network. Where λ_low = λ_high, λ stays. ζ counts as known
/// where it is 100 times the gap of the solution.
WorstCase worst_case(const Inequality& inequality, const AdversaryDomain& domain,
                     const Teacher& teacher, double lambda, const Network& start,
                     const AdversaryEffort& effort, std::uint64_t seed);

}  // namespace lodestone::laboratory
