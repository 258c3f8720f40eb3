#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <set>

#include "benchmark/benchmark_options.hpp"
#include "core/phrase.hpp"
#include "io/config/option_makers.hpp"
#include "laboratory/lab_request.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/runs/options.hpp"

namespace lodestone {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

// Every table of the library and the tools, bound to requests that live as long as the tables.
struct Tables {
  TrainOptions train;
  FitRequest fit;
  SampleOptions sample;
  PredictOptions predict;
  CertifyRequest certify;
  CertificateRequest certificate;
  FlowRequest flow;
  SweepRequest sweep;
  LabRequest lab;
  BenchmarkOptions bench;
  std::vector<Option> all = io::joined(
      {train_options(train), fit_options(fit), sample_options(sample), predict_options(predict),
       certify_options(certify), certificate_options(certificate), flow_options(flow),
       sweep_options(sweep), lab_options(lab), bench_options(bench)});
};

std::string flag(const std::string& name) { return "--" + config_key(name); }

std::string text_of(const Option& option, double value) {
  return option.kind == Option::Kind::whole_number ? fmt::format("{:.0f}", value)
                                                   : number_text(value);
}

// The number next to a bound: inside the range for direction towards it, else outside.
double next_to(const Option& option, double bound, double direction) {
  if (option.kind == Option::Kind::whole_number) return bound + direction;
  return std::nextafter(bound, direction * std::numeric_limits<double>::infinity());
}

void expect_accepted(const Option& option, double value) {
  const std::string text = text_of(option, value);
  EXPECT_NO_THROW(option.set(text)) << option.name << " " << text;
}

void expect_refused(const Option& option, double value) {
  const std::string before = option.get();
  const std::string text = text_of(option, value);
  try {
    option.set(text);
    ADD_FAILURE() << option.name << " takes " << text;
  } catch (const InvalidArgument& error) {
    EXPECT_EQ(error.field(), option.name);
    EXPECT_EQ(error.value(), text);
    EXPECT_THAT(error.rule().text(), testing::StartsWith(option.range->rule()));
  }
  EXPECT_EQ(option.get(), before) << option.name << ": a refused value must change nothing";
}

TEST(Options, EveryNumberIsAcceptedAtItsBoundsAndRefusedBeyond) {
  const Tables tables;
  int numbers = 0;
  for (const Option& option : tables.all) {
    if (!option.is_number()) continue;
    ++numbers;
    ASSERT_TRUE(option.range) << option.name;
    const Range& range = *option.range;
    const double unit = range.even ? 2.0 : 1.0;
    if (range.has_lower) {
      expect_accepted(option, range.lower);
      expect_refused(option, next_to(option, range.lower, -unit));
    } else {
      expect_refused(option, range.lower);
      expect_accepted(option, next_to(option, range.lower, unit));
    }
    if (std::isfinite(range.upper)) {
      const double inside = range.has_upper ? range.upper : next_to(option, range.upper, -unit);
      const double outside = range.has_upper ? next_to(option, range.upper, unit) : range.upper;
      expect_accepted(option, inside);
      expect_refused(option, outside);
    } else if (option.kind == Option::Kind::number) {
      const double infinity = std::numeric_limits<double>::infinity();
      range.has_upper ? expect_accepted(option, infinity) : expect_refused(option, infinity);
    }
    if (range.even) expect_refused(option, range.lower + 1.0);
    if (option.automatic) {
      EXPECT_NO_THROW(option.set("auto"));
      EXPECT_EQ(option.get(), "auto");
    }
    for (const char* bad : {"", "x", "1x", "nan", "--1"}) {
      EXPECT_THROW(option.set(bad), InvalidArgument) << option.name << " '" << bad << "'";
    }
  }
  EXPECT_GT(numbers, 40);
}

TEST(Options, HelpShowsRangeAndDefault) {
  const Tables tables;
  for (const Option& option : tables.all) {
    const std::string text = option.description().spelled(flag);
    EXPECT_GE(option.help.size(), 10U) << option.name;
    EXPECT_FALSE(option.group.empty()) << option.name;
    EXPECT_EQ(text.find_first_of("{}"), std::string::npos) << text;
    if (option.is_number()) {
      EXPECT_THAT(text, HasSubstr(", " + option.range->text() + " ["));
      EXPECT_FALSE(option.default_value.empty()) << option.name;
    }
    const std::string standard = option.default_in_words().spelled(flag);
    if (!standard.empty()) {
      EXPECT_THAT(text, EndsWith(" [" + standard + "]"));
    }
  }
}

TEST(Options, NamesAreUniqueInATableAndSpeltAlike) {
  TrainOptions train;
  FitRequest fit;
  CertifyRequest certify;
  for (const std::vector<Option>& table :
       {train_options(train), fit_options(fit), certify_options(certify)}) {
    std::set<std::string> names;
    for (const Option& option : table) {
      EXPECT_TRUE(names.insert(option.name).second) << option.name;
      EXPECT_EQ(option.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string::npos);
    }
    // What help refers to is there.
    for (const Option& option : table) {
      for (const std::string& other : option.description().options()) {
        EXPECT_TRUE(names.contains(other)) << option.name << " speaks of " << other;
      }
    }
  }
}

// Defaults read back: setting each option to its default changes nothing.
TEST(Options, DefaultsAreThoseOfTheStructs) {
  TrainOptions train;
  const std::vector<Option> table = train_options(train);
  const std::string before = config_text(table, false);
  for (const Option& option : table) {
    if (!option.default_value.empty()) option.set(option.default_value);
  }
  EXPECT_EQ(config_text(table, false), before);
  EXPECT_THAT(before, HasSubstr("max-steps = 200000\n"));
  EXPECT_THAT(before, HasSubstr("lambda-start = \"auto\"\n"));
}

// The structs' own checks and the records read the same bounds.
TEST(Options, ValidateAppliesTheSameRange) {
  TrainOptions options;
  options.teacher = "random:";
  options.algorithm.max_steps = 0;
  try {
    options.validate();
    ADD_FAILURE();
  } catch (const InvalidArgument& error) {
    EXPECT_EQ(error.field(), "max_steps");
    EXPECT_EQ(error.value(), "0");
    EXPECT_EQ(error.rule().text(), "must be at least 1");
    EXPECT_STREQ(error.what(), "max_steps: got 0; must be at least 1");
    EXPECT_EQ(error.message().spelled(flag), "--max-steps: got 0; must be at least 1");
  }
}

TEST(Range, TextAndRule) {
  const auto expect = [](const Range& range, const std::string& text, const std::string& rule) {
    EXPECT_EQ(range.text(), text);
    EXPECT_EQ(range.rule(), rule);
  };
  expect(at_least(1), ">= 1", "must be at least 1");
  expect(at_least(0), ">= 0", "must be 0 or positive");
  expect(above(0), "> 0", "must be positive");
  expect(above_or_infinite(0), "> 0", "must be positive");
  expect(between(0, 0.9), "0 to 0.9", "must be at least 0 and at most 0.9");
  expect(strictly_between(0, 1), "in (0, 1)", "must be between 0 and 1, both excluded");
  expect(above_up_to(0, 1), "in (0, 1]", "must be above 0 and at most 1");
  expect(from_to_below(0, 1), "in [0, 1)", "must be at least 0 and below 1");
  expect(even_between(2, 20000), "even, 2 to 20000", "must be even, at least 2 and at most 20000");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Range& range : {at_least(0), above_or_infinite(0), between(0, 1)}) {
    EXPECT_FALSE(range.contains(nan));
  }
}

TEST(Message, SpellsOptionsAndNothingElse) {
  const Message message = phrase("raise {max_steps} above {}; {out} holds it", "{max_steps} --x");
  EXPECT_EQ(message.text(), "raise max_steps above {max_steps} --x; out holds it");
  EXPECT_EQ(message.spelled(flag), "raise --max-steps above {max_steps} --x; --out holds it");
  EXPECT_THAT(message.options(), ElementsAre("max_steps", "out"));
  EXPECT_THAT(message.arguments(), ElementsAre("{max_steps} --x"));
  EXPECT_EQ((Message("a") + "b").text(), "ab");
  EXPECT_EQ(Message("a") + "b", Message("ab"));
  EXPECT_EQ(Message("{max_steps}").spelled(flag), "{max_steps}") << "words are no pattern";
  EXPECT_TRUE(Message("").empty());
  EXPECT_EQ(Message::pattern("{} and {}", {"one"}).text(), "one and ");
  EXPECT_EQ(Message::pattern("an open {brace").text(), "an open {brace");
}

}  // namespace
}  // namespace lodestone
