// Every statement holds on seeds of its own, and stops holding when its assumption is taken away.
#include "laboratory/laboratory.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "laboratory/laboratory_files.hpp"
#include "lodestone/core/error.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

class EveryStatement : public ::testing::TestWithParam<Experiment> {};

ExperimentResult measured(const Experiment& experiment, bool broken, std::uint64_t seed = 7) {
  LaboratoryOptions options;
  options.effort = Effort::minimal;
  options.broken = broken;
  options.seed = seed;
  return experiment.run(options);
}

std::string described(const ExperimentResult& result) {
  std::string text;
  for (const Check& check : result.checks) {
    text += check.quantity + ": " + std::to_string(check.measured) +
            (check.holds() ? " holds" : " does not hold") + "\n";
  }
  return text + result.verdict;
}

TEST_P(EveryStatement, Holds) {
  const ExperimentResult result = measured(GetParam(), false);
  // For tests/perturbation.py, which says how far from their bounds these are in other runs.
  for (std::size_t i = 0; i < result.checks.size(); ++i) {
    const Check& check = result.checks[i];
    RecordProperty("check_" + std::to_string(i),
                   fmt::format("{} in [{}, {}]", check.measured, check.lower, check.upper));
  }
  EXPECT_TRUE(result.holds()) << described(result);
}

TEST_P(EveryStatement, FailsWithoutItsAssumption) {
  const ExperimentResult result = measured(GetParam(), true);
  EXPECT_FALSE(result.checks.front().holds()) << described(result);
}

// What the page, the files and the figures rely on.
TEST_P(EveryStatement, IsCompleteAndTheSameAtAnyNumberOfThreads) {
  const Experiment& experiment = GetParam();
  for (const std::string& text : {experiment.title, experiment.statement, experiment.measurement,
                                  experiment.comparison, experiment.broken_assumption}) {
    EXPECT_FALSE(text.empty());
  }
  std::vector<std::string> texts;
  for (const int threads : {1, 3}) {
    const support::ThreadCount count(threads);
    ExperimentOutcome outcome{&experiment, measured(experiment, false), {}, 0.0};
    texts.push_back(lab_json({outcome}));
    for (const DataTable& table : outcome.result.tables) texts.back() += table_csv(table);
    const ExperimentResult& result = outcome.result;
    ASSERT_FALSE(result.checks.empty());
    ASSERT_FALSE(result.figures.empty());
    EXPECT_EQ(result.figures.front().name, experiment.id);
    for (const Figure& figure : result.figures) {
      EXPECT_TRUE(figure.name == experiment.id || figure.name.starts_with(experiment.id + "-"));
      EXPECT_FALSE(figure.caption.empty());
    }
    for (const DataTable& table : result.tables) {
      EXPECT_TRUE(table.name == experiment.id || table.name.starts_with(experiment.id + "-"));
      EXPECT_FALSE(table.rows.empty());
      for (const auto& row : table.rows) EXPECT_EQ(row.size(), table.columns.size());
      for (const DataTable::Column& column : table.columns) {
        EXPECT_EQ(column.name.find_first_of(" ,"), std::string::npos) << column.name;
        EXPECT_FALSE(column.meaning.empty()) << column.name;
      }
    }
    // Every file a figure reads is one of the tables.
    for (const Figure& figure : result.figures) {
      for (std::size_t at = figure.commands.find("\"data/"); at != std::string::npos;
           at = figure.commands.find("\"data/", at + 1)) {
        const std::size_t start = at + 6;
        const std::string file =
            figure.commands.substr(start, figure.commands.find('"', start) - start);
        EXPECT_TRUE(
            std::any_of(result.tables.begin(), result.tables.end(),
                        [&](const DataTable& table) { return table.name + ".csv" == file; }))
            << file;
      }
    }
  }
  EXPECT_EQ(texts[0], texts[1]);
}

INSTANTIATE_TEST_SUITE_P(Laboratory, EveryStatement, ::testing::ValuesIn(experiments()),
                         [](const auto& statement) {
                           std::string name = statement.param.id;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return c == '-' || c == '.'; }, '_');
                           return name;
                         });

TEST(Laboratory, StopsWhenAsked) {
  for (const Experiment& experiment : experiments()) {
    LaboratoryOptions options;
    options.effort = Effort::full;
    options.should_stop = [] { return true; };
    EXPECT_NO_THROW(experiment.run(options)) << experiment.id;
  }
}

TEST(Laboratory, FindsExperimentsById) {
  EXPECT_EQ(find_experiment("mass-bound").id, "mass-bound");
  const std::string message =
      support::message_of<InvalidArgument>([] { find_experiment("mass-bond"); });
  EXPECT_THAT(message, ::testing::HasSubstr("did you mean 'mass-bound'"));
}

TEST(Laboratory, ChecksKnowTheirBounds) {
  EXPECT_TRUE((Check{"", 1.0, -HUGE_VAL, 1.0}.holds()));
  EXPECT_FALSE((Check{"", 1.1, -HUGE_VAL, 1.0}.holds()));
  EXPECT_FALSE((Check{"", 0.9, 1.0}.holds()));
  EXPECT_FALSE((Check{"", std::nan(""), -HUGE_VAL, HUGE_VAL}.holds()));
  EXPECT_FALSE(ExperimentResult{}.holds());
}

TEST(Laboratory, TablesBecomeCsv) {
  const DataTable table{"x", {{"a", "one"}, {"b", "two"}}, {{1.0, std::nan("")}, {0.1, -2e-9}}};
  EXPECT_EQ(table_csv(table), "a,b\n1,\n0.1,-2e-09\n");
}

}  // namespace
}  // namespace lodestone
