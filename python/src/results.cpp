#include "results.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <utility>

#include "arrays.hpp"

namespace lodestone::python {

nb::dict as_dict(const Certificate& certificate) {
  nb::dict dict;
  dict["sup_eta"] = certificate.sup_eta;
  dict["sup_eta_lower"] = certificate.sup_eta_lower;
  dict["gap"] = certificate.gap;
  dict["relative_gap"] = certificate.relative_gap;
  dict["kind"] = certificate.kind == Certificate::Kind::rigorous ? "rigorous" : "estimated";
  dict["search_failed"] = certificate.search_failed;
  dict["direction"] = to_numpy(certificate.direction);
  dict["maxima"] = certificate.maxima;
  dict["cells"] = certificate.cells;
  dict["effective_dimension"] = certificate.effective_dimension;
  return dict;
}

namespace {

const char* name(ModelCertificate::LambdaSource source) {
  switch (source) {
    case ModelCertificate::LambdaSource::given:
      return "given";
    case ModelCertificate::LambdaSource::model:
      return "model";
    case ModelCertificate::LambdaSource::tightest:
      return "tightest";
  }
  return "";
}

nb::dict as_dict(Network network) {
  nb::dict dict;
  dict["a"] = to_numpy(std::move(network.a));
  dict["W"] = to_numpy(std::move(network.W));
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
  return dict;
}

nb::dict as_dict(Candidate candidate) {
  nb::dict dict;
  dict["index"] = candidate.index;
  dict["relaxed"] = candidate.relaxed;
  dict["merge_angle_deg"] = candidate.merge_angle_deg;
  dict["features"] = candidate.features;
  dict["validation_error"] = candidate.validation_error;
  dict["standard_error"] = candidate.standard_error;
  dict["parts"] = to_numpy(std::move(candidate.parts));
  return dict;
}

nb::dict as_dict(const FeatureReport& report) {
  nb::dict dict;
  dict["mass"] = report.mass;
  dict["share"] = report.share;
  dict["eta"] = report.eta;
  dict["active_share"] = report.active_share;
  dict["angle_error_deg"] = report.angle_error_deg;
  dict["angle_95_deg"] = report.angle_95_deg;
  dict["found_share"] = report.found_share;
  return dict;
}

nb::dict as_dict(const ModelCertificate::Maximum& maximum) {
  nb::dict dict;
  dict["eta"] = maximum.eta;
  dict["direction"] = to_numpy(maximum.direction.direction);
  dict["bias"] = maximum.direction.bias;
  return dict;
}

nb::object as_dict(const std::optional<TestError>& test) {
  if (!test) return nb::none();
  nb::dict dict;
  dict["rmse"] = test->rmse;
  dict["r2"] = test->r2;
  dict["relative_error"] = test->relative_error;
  dict["rows"] = test->rows;
  return dict;
}

}  // namespace

nb::dict as_dict(const Recovery& recovery) {
  nb::dict dict;
  dict["teachers"] = recovery.teachers;
  dict["recovered"] = recovery.recovered;
  dict["max_angle_deg"] = recovery.max_angle_deg;
  dict["mean_angle_deg"] = recovery.mean_angle_deg;
  dict["far_mass"] = recovery.far_mass;
  dict["subspace_share"] = recovery.subspace_share;
  nb::list per_teacher;
  for (const TeacherRecovery& teacher : recovery.per_teacher) {
    nb::dict one;
    one["amplitude"] = teacher.amplitude;
    one["mass"] = teacher.mass;
    one["angle_deg"] = teacher.angle_deg;
    one["neurons"] = teacher.neurons;
    one["recovered"] = teacher.recovered;
    per_teacher.append(one);
  }
  dict["per_teacher"] = per_teacher;
  return dict;
}

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
  dict["recovery"] =
      numbers.recovery ? nb::object(as_dict(*numbers.recovery)) : nb::object(nb::none());
  return dict;
}

nb::dict as_dict(const HistoryRow& row) {
  nb::dict dict;
  dict["step"] = row.step;
  dict["stage"] = static_cast<int>(row.stage);
  dict["epoch"] = row.epoch;
  dict["lambda"] = row.lambda;
  dict["loss"] = row.loss;
  dict["penalized_loss"] = row.penalized_loss;
  dict["gradient_norm"] = row.gradient_norm;
  dict["neurons"] = row.neurons;
  dict["mean_angle_deg"] = row.mean_angle_deg;
  dict["max_angle_deg"] = row.max_angle_deg;
  dict["far_mass"] = row.far_mass;
  dict["seconds"] = row.seconds;
  dict["validation_error"] = row.validation_error;
  dict["test_error"] = row.test_error;
  dict["end_of_epoch"] = row.end_of_epoch;
  return dict;
}

nb::dict as_dict(FitResult result) {
  nb::dict dict;
  dict["lambda_max"] = result.path.lambda_max;
  nb::list path;
  for (PathPoint& point : result.path.points) path.append(as_dict(std::move(point)));
  dict["path"] = path;
  dict["path_features"] = result.path_features;
  dict["training_error"] = result.training_error;
  nb::list candidates;
  for (Candidate& candidate : result.candidates) candidates.append(as_dict(std::move(candidate)));
  dict["candidates"] = candidates;
  dict["chosen"] = result.chosen;
  dict["best"] = result.best;
  dict["cross_validated"] = result.cross_validated;
  dict["certificate"] = as_dict(result.certificate);
  dict["loss"] = result.loss;
  dict["penalized_loss"] = result.penalized_loss;
  dict["weight_decay"] = result.lambda;
  dict["features_loss"] = result.features_loss;
  dict["merge_angle_deg"] = result.merge_angle_deg;
  dict["features"] = as_dict(std::move(result.features));
  dict["model"] = std::move(result.model);
  dict["network_model"] = std::move(result.network_model);
  nb::list reports;
  for (const FeatureReport& report : result.reports) reports.append(as_dict(report));
  dict["reports"] = reports;
  dict["warnings"] = in_python_words(result.warnings);
  dict["interrupted"] = result.interrupted;
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
  dict["certificate"] =
      result.certificate ? nb::object(as_dict(*result.certificate)) : nb::object(nb::none());
  dict["recovery"] =
      result.recovery ? nb::object(as_dict(*result.recovery)) : nb::object(nb::none());
  dict["test"] = as_dict(result.test);
  dict["early_condition_number"] = result.early_condition_number
                                       ? nb::object(nb::float_(*result.early_condition_number))
                                       : nb::object(nb::none());
  dict["warnings"] = in_python_words(result.warnings);
  return dict;
}

std::string in_python_words(const Message& message) {
  static const std::map<std::string, std::string> names = {{"lambda", "weight_decay"},
                                                           {"lambdas", "n_weight_decays"},
                                                           {"lambda_ratio", "weight_decay_ratio"}};
  return message.spelled([](const std::string& name) {
    const auto other = names.find(name);
    return other == names.end() ? name : other->second;
  });
}

std::vector<std::string> in_python_words(const std::vector<Warning>& warnings) {
  std::vector<std::string> texts;
  for (const Warning& warning : warnings) texts.push_back(in_python_words(warning.message));
  return texts;
}

}  // namespace lodestone::python
