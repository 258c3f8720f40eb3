#include <charconv>
#include <string>

#include "lodestone/core/error.hpp"
#include "lodestone/fit/fit.hpp"

namespace lodestone {

std::string name(const Selection& selection) {
  switch (selection.rule) {
    case Selection::best:
      return "best";
    case Selection::one_standard_error:
      return "one-standard-error";
    case Selection::elbow:
      return "elbow";
    case Selection::feature_count:
      return std::to_string(selection.features);
  }
  return "";
}

Selection parse_selection(const std::string& text) {
  for (const Selection::Rule rule :
       {Selection::best, Selection::one_standard_error, Selection::elbow}) {
    if (text == name(Selection(rule))) return rule;
  }
  Index features = 0;
  const char* end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, features);
  if (status == std::errc() && stop == end && features >= 0) {
    return {Selection::feature_count, features};
  }
  throw InvalidArgument("select", "'" + text + "'",
                        "must be best, one-standard-error, elbow or a number of features");
}

const char* name(CurvePoint::Kind kind) {
  switch (kind) {
    case CurvePoint::Kind::linear:
      return "linear";
    case CurvePoint::Kind::refitted:
      return "refitted";
    case CurvePoint::Kind::penalized:
      return "penalized";
    case CurvePoint::Kind::smooth:
      return "smooth";
  }
  return "";
}

const char* name(Relaxed relaxed) {
  switch (relaxed) {
    case Relaxed::automatic:
      return "auto";
    case Relaxed::never:
      return "never";
    case Relaxed::always:
      return "always";
  }
  return "";
}

Relaxed parse_relaxed(const std::string& text) {
  for (const Relaxed relaxed : {Relaxed::automatic, Relaxed::never, Relaxed::always}) {
    if (text == name(relaxed)) return relaxed;
  }
  throw InvalidArgument("relaxed", "'" + text + "'", "must be auto, never or always");
}

const char* name(Shape shape) {
  switch (shape) {
    case Shape::relu:
      return "relu";
    case Shape::smooth:
      return "smooth";
    case Shape::automatic:
      return "auto";
  }
  return "";
}

Shape parse_shape(const std::string& text) {
  for (const Shape shape : {Shape::relu, Shape::smooth, Shape::automatic}) {
    if (text == name(shape)) return shape;
  }
  throw InvalidArgument("shape", "'" + text + "'", "must be relu, smooth or auto");
}

PathOptions FitOptions::default_path() {
  PathOptions path;
  path.lambdas = 30;
  path.lambda_ratio = 1e-4;
  return path;
}

namespace {

// What a prediction that is monotone in some columns cannot have beside it.
void check_monotone(const FitOptions& options) {
  const char* field = options.increasing.empty() ? "decreasing" : "increasing";
  const std::string value =
      (options.increasing.empty() ? options.decreasing : options.increasing)[0];
  const auto refuse = [&](std::string_view rule) {
    throw InvalidArgument(field, value, Message::pattern(rule));
  };
  if (options.family.softmax()) refuse("a score of several classes is monotone in no sense");
  if (options.standardize == Standardization::Kind::whiten) {
    refuse("{standardize} whiten mixes columns: signs are those of single ones");
  }
  if (options.shape == Shape::smooth) {
    refuse("{shape} smooth is not made of features with signs; it must be relu");
  }
  if (options.path.rigorous)
    refuse("proofs are without sign constraints; certificates are estimated");
  for (const std::string& column : options.increasing) {
    if (std::find(options.decreasing.begin(), options.decreasing.end(), column) !=
        options.decreasing.end()) {
      throw InvalidArgument("decreasing", column,
                            Message::pattern("the column is among {increasing} as well"));
    }
  }
}

}  // namespace

void FitOptions::validate() const {
  if (lambda > 0.0 && select.rule == Selection::feature_count) {
    throw InvalidArgument(
        "select", name(select),
        Message::pattern("a number of features is chosen along the path; {lambda} "
                         "takes one model"));
  }
  if (shape == Shape::smooth) {
    if (!family.square()) {
      throw InvalidArgument("shape", name(shape),
                            Message::pattern("smooth ridge functions are fitted by least squares; "
                                             "another {family} than square has relu features"));
    }
    if (linear == LinearPart::none) {
      throw InvalidArgument("shape", name(shape),
                            Message::pattern("smooth functions are told without the slope that "
                                             "the {linear} part takes up: it must be free"));
    }
    if (!biases) {
      throw InvalidArgument("shape", name(shape),
                            Message::pattern("a smooth function has knots, which are {biases}"));
    }
    if (lambda > 0.0) {
      throw InvalidArgument(
          "shape", name(shape),
          Message::pattern(
              "the number of directions is cross-validated; {lambda} takes one model"));
    }
  }
  if (constrained()) check_monotone(*this);
  if (path.rigorous && !family.square()) {
    throw InvalidArgument("rigorous", "on",
                          "proofs are for the square loss; other families have "
                          "estimated certificates");
  }
  if (linear_ridge) {
    require_in(Family::Limits::linear_ridge, "linear_ridge", *linear_ridge);
    if (family.square() && *linear_ridge > 0.0) {
      throw InvalidArgument("linear_ridge", number_text(*linear_ridge),
                            "the square loss leaves the linear part free");
    }
  }
  if (linear == LinearPart::none && linear_ridge.value_or(0.0) > 0.0) {
    throw InvalidArgument("linear_ridge", number_text(*linear_ridge),
                          "there is no linear part to keep small");
  }
  require_in(Family::Limits::huber_width, "huber_width", family.huber_width);
  path.validate();
  require_in(Limits::folds, "folds", folds);
  if (splits.size() == 1) throw InvalidArgument("splits", "1", "must be at least 2 folds, or none");
  require_in(Limits::max_features, "max_features", max_features);
  require_in_or_zero(Limits::lambda, "lambda", lambda);
  require_in_or_zero(Limits::gap_tolerance, "gap_tolerance", gap_tolerance);
  require_in(Limits::bootstrap, "bootstrap", bootstrap);
}

}  // namespace lodestone
