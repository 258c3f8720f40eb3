#include "results.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <utility>

#include "arrays.hpp"
#include "options.hpp"
#include "records.hpp"

namespace lodestone::python {

nb::dict as_dict(const Certificate& certificate) { return dict_of(certificate); }

namespace {

nb::dict as_dict(Network network) {
  nb::dict dict;
  dict["a"] = to_numpy(std::move(network.a));
  dict["W"] = to_numpy(std::move(network.W));
  dict["S"] = network.S.size() > 0 ? nb::cast(to_numpy(std::move(network.S))) : nb::none();
  return dict;
}

nb::dict as_dict(PathPoint point) {
  nb::dict dict;
  dict["weight_decay"] = point.lambda;
  dict["network"] = as_dict(std::move(point.network));
  dict["loss"] = point.loss;
  dict["penalized_loss"] = point.penalized_loss;
  dict["certificate"] = python::as_dict(point.certificate);
  dict["rounds"] = point.rounds;
  dict["evaluations"] = point.evaluations;
  dict["ending"] = name(point.ending);
  return dict;
}

nb::dict as_dict(Candidate candidate) {
  nb::dict dict;
  dict["index"] = candidate.index;
  dict["relaxed"] = candidate.relaxed;
  dict["smooth"] = candidate.smooth;
  dict["merge_angle_deg"] = candidate.merge_angle_deg;
  dict["feature_count"] = candidate.feature_count;
  dict["validation_error"] = candidate.validation_error;
  dict["standard_error"] = candidate.standard_error;
  dict["parts"] = to_numpy(std::move(candidate.parts));
  return dict;
}

nb::dict as_dict(const ModelCertificate::Maximum& maximum) {
  nb::dict dict;
  dict["eta"] = maximum.eta;
  dict["direction"] = to_numpy(maximum.direction.direction);
  dict["bias"] = maximum.direction.bias;
  return dict;
}

// None where there is no record.
template <class Record>
nb::object dict_or_none(const std::optional<Record>& record) {
  return record ? nb::object(dict_of(*record)) : nb::none();
}

}  // namespace

nb::dict as_dict(const Recovery& recovery) { return dict_of(recovery); }
nb::dict as_dict(const RecoveryBound& bound) { return dict_of(bound); }

nb::dict as_dict(const ModelCertificate& found) {
  nb::dict dict;
  dict["weight_decay"] = found.lambda;
  dict["weight_decay_in_target_units"] = found.lambda_in_target_units;
  dict["weight_decay_source"] = name(found.lambda_source);
  dict["loss"] = found.loss;
  dict["loss_as_given"] = found.loss_as_given;
  dict["null_loss"] = found.null_loss;
  dict["mass"] = found.mass;
  dict["penalized_loss"] = found.penalized_loss;
  dict["certificate"] = as_dict(found.certificate);
  dict["worst"] = as_dict(found.worst);
  nb::list maxima;
  for (const auto& maximum : found.maxima) maxima.append(as_dict(maximum));
  dict["maxima"] = maxima;
  nb::list neurons;
  for (const auto& neuron : found.neurons) {
    nb::dict one;
    one["feature"] = neuron.feature;
    one["mass"] = neuron.mass;
    one["sign"] = neuron.sign;
    one["eta"] = neuron.eta;
    one["violates"] = neuron.violates;
    neurons.append(one);
  }
  dict["neurons"] = neurons;
  dict["violations"] = found.violations;
  dict["violating_share"] = found.violating_share;
  return dict;
}

nb::dict as_dict(const VerifiedNumbers& numbers) {
  nb::dict dict;
  dict["weight_decay"] = numbers.lambda;
  dict["loss"] = numbers.loss;
  dict["loss_as_given"] = numbers.loss_as_given;
  dict["null_loss"] = numbers.null_loss;
  dict["mass"] = numbers.mass;
  dict["squared_norm"] = numbers.squared_norm;
  dict["penalized_loss"] = numbers.penalized_loss;
  dict["balanced_loss"] = numbers.balanced_loss;
  dict["sup_eta"] = numbers.sup_eta;
  dict["worst_direction"] = to_numpy(numbers.worst_direction);
  dict["neuron_eta"] = to_numpy(numbers.neuron_eta);
  dict["gap"] = numbers.gap;
  dict["relative_gap"] = numbers.relative_gap;
  dict["sign_violation"] = numbers.sign_violation;
  dict["recovery"] = dict_or_none(numbers.recovery);
  return dict;
}

nb::dict as_dict(const HistoryRow& row) { return dict_of(row); }

nb::dict as_dict(FitResult result) {
  nb::dict dict;
  dict["weight_decay_max"] = result.path.lambda_max;
  nb::list path;
  for (PathPoint& point : result.path.points) path.append(as_dict(std::move(point)));
  dict["path"] = path;
  dict["path_feature_counts"] = result.path_feature_counts;
  dict["training_error"] = result.training_error;
  nb::list candidates;
  for (Candidate& candidate : result.candidates) candidates.append(as_dict(std::move(candidate)));
  dict["candidates"] = candidates;
  nb::list curve;
  for (CurvePoint& point : result.curve) {
    nb::dict one;
    one["kind"] = name(point.kind);
    one["candidate"] = point.candidate;
    one["model"] = std::move(point.model);
    curve.append(one);
  }
  dict["curve"] = curve;
  dict["elbow"] = result.elbow;
  dict["intervals"] =
      result.intervals.empty() ? nb::object(nb::none()) : nb::cast(std::move(result.intervals));
  dict["chosen"] = result.chosen_index;
  dict["best"] = result.best_index;
  dict["cross_validated"] = result.cross_validated;
  dict["certificate"] = as_dict(result.certificate);
  dict["loss"] = result.loss;
  dict["penalized_loss"] = result.penalized_loss;
  dict["weight_decay"] = result.lambda;
  dict["feature_network_loss"] = result.feature_network_loss;
  dict["merge_angle_deg"] = result.merge_angle_deg;
  dict["feature_network"] = as_dict(std::move(result.feature_network));
  dict["model"] = std::move(result.model);
  dict["network_model"] = std::move(result.network_model);
  nb::list reports;
  for (const FeatureReport& report : result.reports) reports.append(dict_of(report));
  dict["reports"] = reports;
  dict["warnings"] = as_list(result.warnings);
  dict["interrupted"] = result.interrupted;
  dict["out_of_time"] = result.out_of_time;
  return dict;
}

nb::dict as_dict(TrainResult result) {
  nb::dict dict;
  dict["status"] = lodestone::name(result.status);
  dict["message"] = in_python_words(result.message);
  dict["weight_decay"] = result.lambda;
  dict["loss"] = result.loss;
  dict["penalized_loss"] = result.penalized_loss;
  dict["gradient_norm"] = result.gradient_norm;
  dict["merge_angle_deg"] = result.merge_angle_deg;
  dict["model"] = std::move(result.model);
  dict["neurons"] = std::move(result.neurons);
  dict["certificate"] = dict_or_none(result.certificate);
  dict["recovery"] = dict_or_none(result.recovery);
  dict["recovery_bound"] = dict_or_none(result.recovery_bound);
  dict["test"] = dict_or_none(result.test);
  dict["early_condition_number"] = result.early_condition_number
                                       ? nb::object(nb::float_(*result.early_condition_number))
                                       : nb::object(nb::none());
  dict["warnings"] = as_list(result.warnings);
  return dict;
}

std::string in_python_words(const Message& message) { return message.spelled(python_name); }

nb::list as_list(const std::vector<Warning>& warnings) {
  nb::list list;
  for (const Warning& warning : warnings) {
    list.append(nb::make_tuple(in_python_words(warning.message), warning.code,
                               warning.message.arguments()));
  }
  return list;
}

}  // namespace lodestone::python
