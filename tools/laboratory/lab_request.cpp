#include "laboratory/lab_request.hpp"

#include <algorithm>

#include "io/config/option_makers.hpp"

namespace lodestone {

std::vector<const Experiment*> LabRequest::chosen() const {
  for (const std::string& id : only) find_experiment(id);
  std::vector<const Experiment*> result;
  for (const Experiment& experiment : experiments()) {
    if (only.empty() || std::find(only.begin(), only.end(), experiment.id) != only.end()) {
      result.push_back(&experiment);
    }
  }
  return result;
}

std::vector<Option> lab_options(LabRequest& r) {
  std::string ids;
  for (const Experiment& experiment : experiments()) {
    ids += (ids.empty() ? "" : ", ") + experiment.id;
  }
  return io::grouped(
      "Experiments",
      {io::names({.name = "only",
                  .value = "ID,ID",
                  .help = "Only these experiments",
                  .default_note = "all: " + ids},
                 r.only),
       flag_option(
           {.name = "quick",
            .help = "Fewer teachers, networks and steps: minutes instead of tens of minutes"},
           r.quick),
       flag_option(
           {.name = "broken",
            .help = "Take each statement's assumption away, as its page says: now it should "
                    "fail"},
           r.broken),
       io::number({.name = "seed",
                   .value = "N",
                   .help = "Seed of every teacher, network and start",
                   .range = at_least(0)},
                  r.seed)});
}

}  // namespace lodestone
