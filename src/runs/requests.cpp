#include "lodestone/runs/requests.hpp"

#include "lodestone/core/error.hpp"

namespace lodestone {

void FitRequest::validate() const {
  if (teacher.empty() == data.file.empty()) {
    throw InvalidArgument("teacher", teacher.empty() ? "neither" : "both",
                          Message::pattern("give either {data} (a table) or {teacher} (a hidden "
                                           "network)"));
  }
  if (!data.file.empty() && data.target.empty()) {
    throw InvalidArgument("target", "nothing",
                          Message::pattern("name the column to predict with {target} COLUMN"));
  }
  require_in(Limits::samples, "samples", samples);
  require_in(Limits::noise, "noise", noise);
  require_in(Limits::test_share, "test_share", test_share);
  require_in(Limits::max_seconds, "max_seconds", max_seconds);
  how.validate();
}

}  // namespace lodestone
