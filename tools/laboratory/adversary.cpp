#include "laboratory/adversary.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <vector>

#include "core/factorizations.hpp"
#include "lodestone/model/recovery.hpp"

namespace lodestone::laboratory {
namespace {

// A teacher, λ and a network as one vector: the teacher's directions (of any length), log λ, and
// the network's a and W. Amplitudes of the teacher stay.
class Coordinates {
 public:
  Coordinates(const Teacher& teacher, Index width) : teacher_(teacher), width_(width) {}

  Vector point_of(double lambda, const Network& network) const {
    Vector point(size());
    point << teacher_.directions.reshaped<Eigen::RowMajor>(), std::log(lambda), network.a,
        network.W.reshaped<Eigen::RowMajor>();
    return point;
  }

  Index size() const { return head() + width_ * (1 + teacher_.dimension()); }
  Index head() const { return teacher_.directions.size() + 1; }  // all but the network

  Teacher teacher(const Vector& point) const {
    Teacher result = teacher_;
    result.directions =
        point.head(head() - 1).reshaped<Eigen::RowMajor>(teacher_.neurons(), teacher_.dimension());
    result.directions = unit_directions(result.directions);
    return result;
  }

  double lambda(const Vector& point) const { return std::exp(point[head() - 1]); }

  Network network(const Vector& point) const {
    return {point.segment(head(), width_),
            point.tail(width_ * teacher_.dimension())
                .reshaped<Eigen::RowMajor>(width_, teacher_.dimension())};
  }

 private:
  Teacher teacher_;
  Index width_;
};

double least_angle(const Teacher& teacher) {
  double least = 90.0;
  for (Index i = 0; i < teacher.neurons(); ++i) {
    for (Index j = 0; j < i; ++j) {
      least = std::min(
          least, angle_between_lines_deg(teacher.directions.row(i), teacher.directions.row(j)));
    }
  }
  return least;
}

// The inequality at a point, min P_λ solved again only where teacher or λ are new.
class AdversaryCase {
 public:
  AdversaryCase(const Inequality& inequality, const AdversaryDomain& domain,
                Coordinates coordinates)
      : inequality_(inequality), domain_(domain), coordinates_(std::move(coordinates)) {}

  Slack operator()(const Vector& point) {
    if (!point.allFinite()) return {infinity, infinity};
    const double outside = violation(point);
    if (outside > 0.0) return {infinity, 1e3 + outside};
    solve(point);
    const Snapshot snapshot = at(point);
    Slack slack = inequality_(snapshot);
    const double known = 100.0 * minimum_.gap;
    if (!(snapshot.zeta > known)) slack.violation += 1.0 + (known - snapshot.zeta) / minimum_.least;
    return slack;
  }

  // The point's teacher and λ must be those of the last call.
  Snapshot at(const Vector& point) const {
    return snapshot_of(*objective_, coordinates_.network(point), minimum_.lambda, minimum_.least);
  }

 private:
  double violation(const Vector& point) const {
    const double lambda = coordinates_.lambda(point);
    const double rounding = 1e-12;
    return std::max(0.0, std::log(domain_.lambda_low / lambda) - rounding) +
           std::max(0.0, std::log(lambda / domain_.lambda_high) - rounding) +
           std::max(0.0, domain_.min_angle_deg - least_angle(coordinates_.teacher(point)));
  }

  void solve(const Vector& point) {
    const Vector head = point.head(coordinates_.head());
    if (objective_ && head == solved_) return;
    objective_ = std::make_unique<PopulationObjective>(coordinates_.teacher(point));
    // From the same start every time: the value then depends on the point alone.
    minimum_ = minimum_at(*objective_, coordinates_.lambda(point),
                          Network::empty(objective_->dimension()));
    solved_ = head;
  }

  const Inequality& inequality_;
  AdversaryDomain domain_;
  Coordinates coordinates_;
  std::unique_ptr<PopulationObjective> objective_;
  Minimum minimum_;
  Vector solved_;
};

// The distribution of trials on the coordinates that move, in units of their spreads.
class Evolution {
 public:
  Evolution(Index n, std::uint64_t seed)
      : n_(static_cast<double>(n)),
        draw_(seed, "adversary"),
        trials_(8 + static_cast<int>(6.0 * std::log(n_))),
        mean_(Vector::Zero(n)),
        path_(Vector::Zero(n)),
        step_path_(Vector::Zero(n)),
        covariance_(Eigen::MatrixXd::Identity(n, n)) {
    const int parents = trials_ / 2;
    weights_.resize(parents);
    for (int i = 0; i < parents; ++i) weights_[i] = std::log(parents + 0.5) - std::log(i + 1.0);
    weights_ /= weights_.sum();
    effective_ = 1.0 / weights_.squaredNorm();
  }

  int trials() const { return trials_; }

  std::vector<Vector> sample() {
    const Eigenpairs pairs = symmetric_eigenpairs(covariance_);
    axes_ = pairs.vectors;
    lengths_ = pairs.values.cwiseMax(1e-30).cwiseSqrt();
    std::vector<Vector> result;
    for (int i = 0; i < trials_; ++i) {
      const Vector normal = draw_.normal(mean_.size());
      result.emplace_back(mean_ + step_ * (axes_ * lengths_.cwiseProduct(normal)));
    }
    return result;
  }

  // Takes the trials in order, the best first. The constants are Hansen's defaults.
  void update(const std::vector<Vector>& sorted) {
    const double c_step = (effective_ + 2.0) / (n_ + effective_ + 5.0);
    const double c_path = (4.0 + effective_ / n_) / (n_ + 4.0 + 2.0 * effective_ / n_);
    const double c_one = 2.0 / ((n_ + 1.3) * (n_ + 1.3) + effective_);
    const double c_many = std::min(1.0 - c_one, 2.0 * (effective_ - 2.0 + 1.0 / effective_) /
                                                    ((n_ + 2.0) * (n_ + 2.0) + effective_));
    const double damping =
        1.0 + c_step + 2.0 * std::max(0.0, std::sqrt((effective_ - 1.0) / (n_ + 1.0)) - 1.0);
    const Vector old = mean_;
    mean_.setZero();
    for (Index i = 0; i < weights_.size(); ++i) {
      mean_ += weights_[i] * sorted[static_cast<std::size_t>(i)];
    }
    const Vector move = (mean_ - old) / step_;
    const Vector white = axes_ * (axes_.transpose() * move).cwiseQuotient(lengths_);
    step_path_ =
        (1.0 - c_step) * step_path_ + std::sqrt(c_step * (2.0 - c_step) * effective_) * white;
    path_ = (1.0 - c_path) * path_ + std::sqrt(c_path * (2.0 - c_path) * effective_) * move;
    covariance_ *= 1.0 - c_one - c_many;
    covariance_ += c_one * path_ * path_.transpose();
    for (Index i = 0; i < weights_.size(); ++i) {
      const Vector one = (sorted[static_cast<std::size_t>(i)] - old) / step_;
      covariance_ += c_many * weights_[i] * one * one.transpose();
    }
    const double expected = std::sqrt(n_) * (1.0 - 1.0 / (4.0 * n_) + 1.0 / (21.0 * n_ * n_));
    step_ *= std::exp(std::min(1.0, c_step / damping * (step_path_.norm() / expected - 1.0)));
  }

 private:
  double n_;
  Draw draw_;
  int trials_;
  Vector weights_;
  double effective_ = 1.0;
  double step_ = 1.0;
  Vector mean_;
  Vector path_;
  Vector step_path_;
  Eigen::MatrixXd covariance_;
  Eigen::MatrixXd axes_;
  Vector lengths_;
};

}  // namespace

bool Slack::less_than(const Slack& other) const {
  if (std::isnan(value) || std::isnan(violation)) return false;
  if (std::isnan(other.value) || std::isnan(other.violation)) return true;
  if (violation != other.violation) return violation < other.violation;
  return value < other.value;
}

LeastSlack least_slack(const SlackFunction& slack, const Vector& start, const Vector& spread,
                       int evaluations, std::uint64_t seed) {
  std::vector<Index> moving;
  for (Index i = 0; i < spread.size(); ++i) {
    if (spread[i] > 0.0) moving.push_back(i);
  }
  LeastSlack best{start, slack(start)};
  if (moving.empty()) return best;
  const auto point_of = [&](const Vector& trial) {
    Vector point = start;
    for (std::size_t i = 0; i < moving.size(); ++i) {
      point[moving[i]] += spread[moving[i]] * trial[static_cast<Index>(i)];
    }
    return point;
  };
  Evolution evolution(static_cast<Index>(moving.size()), seed);
  for (int done = 0; done + evolution.trials() <= evaluations; done += evolution.trials()) {
    const std::vector<Vector> trials = evolution.sample();
    std::vector<Slack> slacks;
    for (const Vector& trial : trials) {
      const Vector point = point_of(trial);
      slacks.push_back(slack(point));
      if (slacks.back().less_than(best.slack)) best = {point, slacks.back()};
    }
    std::vector<std::size_t> order(trials.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return slacks[a].less_than(slacks[b]); });
    std::vector<Vector> sorted;
    for (const std::size_t i : order) sorted.push_back(trials[i]);
    evolution.update(sorted);
  }
  return best;
}

WorstCase worst_case(const Inequality& inequality, const AdversaryDomain& domain,
                     const Teacher& teacher, double lambda, const Network& start,
                     const AdversaryEffort& effort, std::uint64_t seed) {
  const Coordinates coordinates(teacher, start.width());
  AdversaryCase one(inequality, domain, coordinates);
  const SlackFunction slack = [&](const Vector& point) { return one(point); };
  const Index network = coordinates.size() - coordinates.head();
  Vector spread = Vector::Zero(coordinates.size());
  spread.tail(network).setConstant(0.03);
  LeastSlack found =
      least_slack(slack, coordinates.point_of(lambda, start), spread, effort.networks, seed);
  spread.head(coordinates.head()).setConstant(0.03);
  if (domain.lambda_low == domain.lambda_high) spread[coordinates.head() - 1] = 0.0;
  spread.tail(network).setConstant(0.003);
  found = least_slack(slack, found.point, spread, effort.together, seed + 1);
  one(found.point);
  return {coordinates.teacher(found.point), one.at(found.point), found.slack};
}

}  // namespace lodestone::laboratory
