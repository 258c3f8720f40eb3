#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "laboratory/laboratory.hpp"
#include "lodestone/io/config/option.hpp"

namespace lodestone {

/// What `lab` measures.
struct LabRequest {
  std::vector<std::string> only;  ///< ids of experiments; empty: all of them
  bool quick = false;
  bool broken = false;  ///< as LaboratoryOptions has it
  std::uint64_t seed = 0;

  /// The experiments asked for, in reading order. Throws InvalidArgument for an unknown id.
  std::vector<const Experiment*> chosen() const;
};

/// The table of its options, bound to a struct that must outlive it.
std::vector<Option> lab_options(LabRequest& request);

}  // namespace lodestone
