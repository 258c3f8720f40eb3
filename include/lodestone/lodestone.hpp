#pragma once

/// All that a program needs to train, certify, verify and use networks. Headers that are not here
/// are for front ends (options, run folders, sweeps) and for the theory (lodestone/theory/).
#include "lodestone/certify/certificate.hpp"
#include "lodestone/certify/model_certificate.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/parallel.hpp"
#include "lodestone/core/types.hpp"
#include "lodestone/fit/fit.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/model.hpp"
#include "lodestone/model/network.hpp"
#include "lodestone/model/recovery.hpp"
#include "lodestone/model/standardization.hpp"
#include "lodestone/model/table.hpp"
#include "lodestone/model/teacher.hpp"
#include "lodestone/objective/objective.hpp"
#include "lodestone/path/path.hpp"
#include "lodestone/runs/train.hpp"
#include "lodestone/train/algorithm1.hpp"
#include "lodestone/train/schedule.hpp"
#include "lodestone/verifier/verifier.hpp"
#include "lodestone/version.hpp"
