#pragma once

#include <iosfwd>
#include <string>

#include "lodestone/model/certificate.hpp"
#include "lodestone/model/model.hpp"
#include "lodestone/model/network.hpp"
#include "lodestone/model/recovery.hpp"

namespace lodestone {

/// A model in a few lines: the intercept, the linear part, and each feature with its amplitude, its
/// bias and its direction, in the columns' names and units. A direction shows the six columns that
/// move it most (by their standard deviations) and the number of the others; the list of features
/// ends after the first ten. The last line has no line end.
std::string describe(const Model& model);

/// One line: the bound on the gap, of which kind it is, and sup |η|.
std::string describe(const Certificate& certificate);

/// One line: the number of recovered directions, and the angles of the neurons.
std::string describe(const Recovery& recovery);

/// One line: the numbers of neurons and of inputs.
std::string describe(const Network& network);

/// What describe() says.
std::ostream& operator<<(std::ostream& out, const Model& model);
std::ostream& operator<<(std::ostream& out, const Certificate& certificate);
std::ostream& operator<<(std::ostream& out, const Recovery& recovery);
std::ostream& operator<<(std::ostream& out, const Network& network);

}  // namespace lodestone
