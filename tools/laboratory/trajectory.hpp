#pragma once

#include <vector>

#include "laboratory/experiments.hpp"
#include "lodestone/objective/objective.hpp"
#include "lodestone/train/algorithm1.hpp"

namespace lodestone::laboratory {

/// A network with its distance from the optimum.
struct Snapshot {
  Network network;
  double lambda = 0.0;
  double loss = 0.0;            ///< L
  double penalized_loss = 0.0;  ///< L_λ
  double gradient_norm = 0.0;   ///< ‖∇L_λ‖
  double zeta = 0.0;            ///< L_λ − min P_λ, see Minimum; never negative
  long epoch = 0;
  bool end_of_epoch = false;
};

/// min P_λ as the path solver brackets it.
struct Minimum {
  double lambda = 0.0;
  double least = 0.0;  ///< P_λ of `network`: min P_λ or a little more
  double gap = 0.0;    ///< how much lower min P_λ may be (estimated)
  Network network;
};

/// Solves one λ, tightly, from a network (which may be empty).
Minimum minimum_at(const PopulationObjective& objective, double lambda, const Network& start);

/// A run of Algorithm 1 and what it passed through in stage 3.
struct Trajectory {
  std::vector<Snapshot> snapshots;
  std::vector<Minimum> minima;  ///< one for each λ, in the order of the run
  double worst_gap = 0.0;       ///< the largest gap / least among them
};

/// Runs Algorithm 1, keeping a snapshot every record_every steps and at the end of each epoch.
Trajectory follow(const PopulationObjective& objective, const Algorithm1Options& options);

/// A snapshot of any network at λ, given min P_λ there.
Snapshot snapshot_of(const PopulationObjective& objective, const Network& network, double lambda,
                     double least);

/// The i-th of an experiment's teachers: k neurons of amplitude ±1 in r dimensions of R^d.
Teacher drawn_teacher(const LaboratoryOptions& options, const std::string& purpose, int i, Index d,
                      Index k, Index r, double min_angle);

/// k neurons of amplitude ±1 in R^r, the last one of the other sign than the first, exactly
/// angle_deg from it and no closer to the rest; these are least_angle_deg apart or more.
Teacher close_teacher(std::uint64_t seed, Index k, Index r, double angle_deg,
                      double least_angle_deg);

/// The neurons of both networks.
Network joined(const Network& one, const Network& other);

/// A run of Algorithm 1 that is about to begin stage 3 from a network.
Algorithm1State before_stage_3(Network network, double lambda);

/// The stationary point that gradient descent at λ comes to from a network.
Network settled(const PopulationObjective& objective, Network network, double lambda);

/// Every neuron split into copies, each turned by about `turn` radians and its mass changed by a
/// share of at most `change`; balanced.
Network perturbed(Draw& draw, const Network& network, Index copies, double turn, double change);

}  // namespace lodestone::laboratory
