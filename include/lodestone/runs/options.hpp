#pragma once

#include <vector>

#include "lodestone/io/config/option.hpp"
#include "lodestone/runs/flow.hpp"
#include "lodestone/runs/requests.hpp"
#include "lodestone/runs/sweep.hpp"
#include "lodestone/runs/train.hpp"

/// The tables of options: each is bound to a struct that must outlive it.
namespace lodestone {

/// How a data file is read: the part that `train` and other verbs share.
std::vector<Option> data_options(DataSource& source);

std::vector<Option> train_options(TrainOptions& options);
std::vector<Option> fit_options(FitRequest& request);
std::vector<Option> select_options(SelectOptions& options);
std::vector<Option> sample_options(SampleOptions& options);
std::vector<Option> predict_options(PredictOptions& options);
std::vector<Option> certify_options(CertifyRequest& request);
std::vector<Option> certificate_options(CertificateRequest& request);
std::vector<Option> flow_options(FlowRequest& request);

/// The options of `sweep` beyond those of `train` (in request.base).
std::vector<Option> sweep_options(SweepRequest& request);

}  // namespace lodestone
