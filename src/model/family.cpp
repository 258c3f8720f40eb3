#include "lodestone/model/family.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "lodestone/core/error.hpp"

namespace lodestone {
namespace {

// Share of the secant that stands in for the curvature of Huber's loss where that is 0: Newton's
// method then converges by this factor a step at worst.
constexpr double least_huber_curvature = 1e-3;

// x log x, 0 at 0.
double entropy_term(double x) { return x > 0.0 ? x * std::log(x) : 0.0; }

// −∞ is no score that a file can hold; e^−700 is still a number.
constexpr double largest_score = 700.0;

}  // namespace

Family::Point Family::at(double y, double score) const {
  switch (kind) {
    case Kind::square:
      return {0.5 * (score - y) * (score - y), score - y, 1.0};
    case Kind::logistic: {
      // With e = e^−|F|: log(1 + e^F) − yF is log(1 + e) + (1 − y)F or − yF, and p or 1 − p is e/(1
      // + e).
      const double e = std::exp(-std::abs(score));
      const double smaller = e / (1.0 + e);
      const bool positive = score > 0.0;
      const double slope = positive ? (1.0 - y) * score : -y * score;
      const double entropy = y == 0.0 || y == 1.0 ? 0.0 : entropy_term(y) + entropy_term(1.0 - y);
      return {std::max(0.0, slope + std::log1p(e) + entropy),
              positive ? (1.0 - y) - smaller : smaller - y, smaller / (1.0 + e)};
    }
    case Kind::poisson: {
      if (y == 0.0) {
        const double mean = std::exp(score);
        return {mean, mean, mean};
      }
      // With δ = F − log y: of large counts neither the loss nor the derivative cancels.
      const double difference = score - std::log(y);
      const double rise = std::expm1(difference);
      return {std::max(0.0, y * (rise - difference)), y * rise, y * (rise + 1.0)};
    }
    case Kind::huber: {
      const double z = score - y;
      const double size = std::abs(z);
      if (size <= huber_width) return {0.5 * z * z, z, 1.0};
      return {huber_width * (size - 0.5 * huber_width), std::copysign(huber_width, z),
              least_huber_curvature * huber_width / size};
    }
    case Kind::softmax:
      break;  // of several scores
  }
  return {0.0, 0.0, 1.0};
}

double Family::loss(double y, double score) const { return at(y, score).loss; }
double Family::derivative(double y, double score) const { return at(y, score).derivative; }
double Family::curvature(double y, double score) const { return at(y, score).curvature; }

double Family::secant(double y, double score) const {
  switch (kind) {
    case Kind::square:
      return 1.0;
    case Kind::logistic:
      // tanh(F/2)/(2F): the smallest curvature of a parabola that touches the loss at F and −F and
      // lies above it.
      return std::abs(score) < 1e-4 ? 0.25 : std::tanh(0.5 * score) / (2.0 * score);
    case Kind::poisson:
      return std::max(y, std::exp(score));
    case Kind::huber: {
      const double z = std::abs(score - y);
      return z <= huber_width ? 1.0 : huber_width / z;
    }
    case Kind::softmax:
      break;
  }
  return 1.0;
}

double Family::conjugate(double y, double rho) const {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  switch (kind) {
    case Kind::square:
      return 0.5 * rho * rho + rho * y;
    case Kind::logistic: {
      const double s = rho + y;
      if (!(s >= 0.0) || !(s <= 1.0)) return infinity;
      return entropy_term(s) + entropy_term(1.0 - s) - entropy_term(y) - entropy_term(1.0 - y);
    }
    case Kind::poisson: {
      if (!(rho + y >= 0.0)) return infinity;
      if (y == 0.0) return entropy_term(rho) - rho;
      const double u = rho / y;
      const double entropy = u <= -1.0 ? 0.0 : (1.0 + u) * std::log1p(u);
      return y * (entropy - u) + rho * std::log(y);
    }
    case Kind::huber:
      return std::abs(rho) <= huber_width ? 0.5 * rho * rho + rho * y : infinity;
    case Kind::softmax:
      break;
  }
  return infinity;
}

double Family::score_of_derivative(double y, double rho) const {
  const double s = rho + y;
  switch (kind) {
    case Kind::square:
    case Kind::huber:
      return s;
    case Kind::logistic:
      return std::clamp(std::log(s) - std::log1p(-s), -largest_score, largest_score);
    case Kind::poisson:
      return std::max(std::log(s), -largest_score);
    case Kind::softmax:
      break;
  }
  return s;
}

double Family::response(double score) const {
  switch (kind) {
    case Kind::square:
    case Kind::huber:
      return score;
    case Kind::logistic:
      return 1.0 / (1.0 + std::exp(-score));
    case Kind::poisson:
      return std::exp(score);
    case Kind::softmax:
      break;
  }
  return score;
}

Vector Family::response(Vector scores) const {
  if (kind == Kind::square || kind == Kind::huber) return scores;
  for (double& score : scores) score = response(score);
  return scores;
}

double Family::constant_score(const Vector& y, const Vector& weights, const Vector& offset) const {
  const bool shifted = offset.size() > 0;
  const double alone = score_of_derivative(0.0, weights.dot(y));  // best without offset
  if (kind != Kind::huber && !shifted) return alone;
  if (kind == Kind::square) return alone - weights.dot(offset);
  if (kind == Kind::poisson) {
    const double largest = (weights.array() > 0.0).select(offset, -HUGE_VAL).maxCoeff();
    return alone - largest - std::log(weights.dot((offset.array() - largest).exp().matrix()));
  }
  // Σ w ℓ'(y, c + o) rises with c: halving the interval finds its zero.
  const Vector zeros = shifted ? Vector() : Vector::Zero(y.size());
  const Vector& shift = shifted ? offset : zeros;
  const bool huber = kind == Kind::huber;
  double low = huber ? (y - shift).minCoeff() : alone - shift.maxCoeff();
  double high = huber ? (y - shift).maxCoeff() : alone - shift.minCoeff();
  for (int step = 0; step < 200 && low < high; ++step) {
    const double middle = low + 0.5 * (high - low);
    if (middle == low || middle == high) break;
    double slope = 0.0;
    for (Index t = 0; t < y.size(); ++t) slope += weights[t] * derivative(y[t], middle + shift[t]);
    (slope < 0.0 ? low : high) = middle;
  }
  return low + 0.5 * (high - low);
}

void Family::check_values(const Vector& y) const {
  for (const double value : y) {
    if (kind == Kind::logistic && !(value >= 0.0 && value <= 1.0)) {
      throw InvalidArgument(
          "target", number_text(value),
          "must lie in [0, 1] for the logistic family: a class 0 or 1, or a share");
    }
    if (kind == Kind::poisson && !(value >= 0.0)) {
      throw InvalidArgument("target", number_text(value),
                            "must not be negative for the poisson family: a count or a rate");
    }
    if (softmax() &&
        !(value >= 0.0 && value < static_cast<double>(classes) && value == std::floor(value))) {
      throw InvalidArgument("target", number_text(value),
                            "must be the number of a class for the softmax family, from 0 to " +
                                std::to_string(classes - 1));
    }
  }
}

void Family::check_target(const Vector& y) const {
  check_values(y);
  if (kind == Kind::logistic && (y.maxCoeff() == 0.0 || y.minCoeff() == 1.0)) {
    throw InvalidArgument("target", y.maxCoeff() == 0.0 ? "all 0" : "all 1",
                          "must hold both classes");
  }
  if (kind == Kind::poisson && y.maxCoeff() == 0.0) {
    throw InvalidArgument("target", "all 0", "at least one count must be positive");
  }
  if (softmax()) {
    require_in(Limits::classes, "classes", classes);
    for (Index k = 0; k < classes; ++k) {
      if ((y.array() == static_cast<double>(k)).any()) continue;
      throw InvalidArgument("target", "no row of class " + std::to_string(k),
                            "must hold every class");
    }
  }
}

SoftmaxPoint softmax_at(Index y, const Eigen::Ref<const Eigen::RowVectorXd>& scores) {
  const double highest = scores.maxCoeff();
  SoftmaxPoint point{0.0, (scores.array() - highest).exp().transpose(), 0.0};
  // What the other classes add is summed by itself: small losses keep their digits.
  const double own = std::exchange(point.derivatives[y], 0.0);
  const double others = point.derivatives.sum();
  const double sum = own + others;
  point.loss = own >= others ? std::log1p(others / own) : std::log(sum) - (scores[y] - highest);
  point.derivatives /= sum;
  point.others = others / sum;
  point.derivatives[y] = -point.others;
  return point;
}

Vector softmax_probabilities(const Eigen::Ref<const Eigen::RowVectorXd>& scores) {
  const Vector powers = (scores.array() - scores.maxCoeff()).exp().transpose();
  return powers / powers.sum();
}

const char* name(Family::Kind kind) {
  switch (kind) {
    case Family::Kind::square:
      return "square";
    case Family::Kind::logistic:
      return "logistic";
    case Family::Kind::poisson:
      return "poisson";
    case Family::Kind::huber:
      return "huber";
    case Family::Kind::softmax:
      return "softmax";
  }
  return "";
}

const char* name(LinearPart linear) { return linear == LinearPart::free ? "free" : "none"; }

LinearPart parse_linear_part(const std::string& text) {
  for (const LinearPart linear : {LinearPart::free, LinearPart::none}) {
    if (text == name(linear)) return linear;
  }
  throw InvalidArgument("linear", "'" + text + "'", "must be free or none");
}

Family::Kind parse_family(const std::string& text) {
  for (const auto kind : {Family::Kind::square, Family::Kind::logistic, Family::Kind::poisson,
                          Family::Kind::huber, Family::Kind::softmax}) {
    if (text == name(kind)) return kind;
  }
  throw InvalidArgument("family", "'" + text + "'",
                        "must be square, logistic, poisson, huber or softmax");
}

}  // namespace lodestone
