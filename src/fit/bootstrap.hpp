#pragma once

#include "fit/prepared_rows.hpp"
#include "fit/progress.hpp"
#include "lodestone/fit/fit.hpp"

namespace lodestone::fitting {

/// Angles between the features of a result and their counterparts in resamples of the rows
/// (docs/math.md, 9.6), into its reports. `relaxed`: the features are fitted without penalty.
void bootstrap(const PreparedRows& rows, const FitOptions& options, bool relaxed,
               Progress& progress, FitResult& result);

}  // namespace lodestone::fitting
