#include "lodestone/runs/requests.hpp"

#include <utility>

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
  if (how.forward_folds && !data.groups.empty()) {
    throw InvalidArgument(
        "groups", "'" + data.groups + "'",
        Message::pattern("rows in the order of time are not dealt by groups; give "
                         "a number of {folds}, or no groups"));
  }
  how.validate();
}

DataSource FitRequest::source() const {
  DataSource source = data;
  source.text_classes = how.family.of_classes();
  source.several_classes = how.family.softmax();
  return source;
}

Shares FitRequest::dealt(Dataset rows, std::optional<Dataset> validation,
                         std::optional<Dataset> test) const {
  return deal_rows(std::move(rows), test_file.empty() ? test_share : 0.0, 0.0, how.seed,
                   std::move(validation), std::move(test),
                   how.forward_folds ? Dealing::last : Dealing::random);
}

}  // namespace lodestone
