// Sweeps: the grid spelled out, and the table of a sweep's runs. Running is tested from outside.

#include "lodestone/runs/sweep.hpp"
#include "lodestone/runs/summary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/model/teacher.hpp"
#include "lodestone/runs/train_inputs.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

SweepRequest request(std::vector<std::string> grid, std::string seeds = "") {
  SweepRequest result;
  result.base.teacher = "random:d=6,k=2";
  result.base.algorithm.width = 10;
  result.grid = std::move(grid);
  result.seeds = std::move(seeds);
  return result;
}

TEST(SweepPlan, RunsComeInTheOrderOfTheValues) {
  const SweepPlan plan = plan_sweep(request({"width=20,10", "teacher.k=2,3"}, "7,1:2"));
  ASSERT_EQ(plan.runs.size(), 12U);
  EXPECT_THAT(plan.seeds, ElementsAre(7, 1, 2));
  EXPECT_EQ(plan.runs[0].name, "width=20,teacher.k=2,seed=7");
  EXPECT_EQ(plan.runs[1].seed, 1U);
  EXPECT_THAT(plan.runs[3].values, ElementsAre("20", "3"));
  EXPECT_EQ(plan.runs[11].name, "width=10,teacher.k=3,seed=2");
  EXPECT_EQ(plan.runs[11].options.algorithm.width, 10);
  EXPECT_EQ(plan.runs[11].options.algorithm.seed, 2U);
  EXPECT_EQ(plan.runs[11].options.teacher, "random:d=6,k=3,seed=2");
  std::set<std::string> names;
  for (const SweepRun& run : plan.runs) EXPECT_TRUE(names.insert(run.name).second) << run.name;
}

TEST(SweepPlan, WithoutSeedsItTakesThatOfTheBase) {
  SweepRequest one = request({});
  one.base.algorithm.seed = 5;
  const SweepPlan plan = plan_sweep(one);
  ASSERT_EQ(plan.runs.size(), 1U);
  EXPECT_EQ(plan.runs[0].name, "seed=5");
}

TEST(SweepPlan, ATeacherThatNamesItsSeedKeepsIt) {
  SweepRequest one = request({}, "1:2");
  one.base.teacher = "random:seed=9,d=6,k=2";
  for (const SweepRun& run : plan_sweep(one).runs) {
    EXPECT_EQ(run.options.teacher, "random:seed=9,d=6,k=2");
  }
  one = request({"teacher.seed=8"}, "1:2");
  for (const SweepRun& run : plan_sweep(one).runs) {
    EXPECT_EQ(run.options.teacher, "random:d=6,k=2,seed=8");
  }
}

// Whatever the order of the values and whatever else is on the grid, a run has one shard of three.
TEST(SweepPlan, ShardsHaveEveryRunOnce) {
  const auto runs_of = [](std::vector<std::string> grid, const char* seeds, Shard shard) {
    SweepRequest one = request(std::move(grid), seeds);
    one.shard = shard;
    std::set<std::string> names;
    const SweepPlan plan = plan_sweep(one);
    for (const SweepRun& run : plan.runs) {
      if (!run.elsewhere) names.insert(run.name);
    }
    EXPECT_EQ(names.size(), plan.shard_runs());
    return names;
  };
  std::set<std::string> seen;
  for (int i = 1; i <= 3; ++i) {
    const auto names = runs_of({"width=10:60:10"}, "0:9", {i, 3});
    EXPECT_GE(names.size(), 10U);
    for (const std::string& name : names) EXPECT_TRUE(seen.insert(name).second) << name;
    const auto turned = runs_of({"width=80,60,50,40,30,20,10"}, "12,9,8,7,6,5,4,3,2,1,0", {i, 3});
    for (const std::string& name : names) EXPECT_TRUE(turned.contains(name)) << name;
  }
  EXPECT_EQ(seen.size(), 60U);
  EXPECT_EQ(runs_of({"width=10:60:10"}, "0:9", {1, 1}), seen);
}

TEST(Shard, IsReadAndWritten) {
  const Shard shard = Shard::parse("2/3");
  EXPECT_EQ(shard.index, 2);
  EXPECT_EQ(shard.count, 3);
  EXPECT_EQ(shard.text(), "2/3");
  EXPECT_TRUE(Shard::parse("1/1").whole());
  for (const char* text :
       {"", "2", "0/3", "4/3", "-1/3", "1/0", "1/100001", "a/3", "1/3/5", "1 /3"}) {
    EXPECT_THAT(message_of<InvalidArgument>([&] { Shard::parse(text); }), HasSubstr("1 <= I <= N"))
        << text;
  }
}

TEST(SweepPlan, RangesOfNumbers) {
  const auto values = [](const std::string& axis) {
    SweepRequest one = request({axis});
    one.base.samples = 100;
    return plan_sweep(one).axes[0].values;
  };
  EXPECT_THAT(values("width=10:16:2"), ElementsAre("10", "12", "14", "16"));
  EXPECT_THAT(values("width=10:15:2"), ElementsAre("10", "12", "14"));
  EXPECT_THAT(values("width=4:64:x2"), ElementsAre("4", "8", "16", "32", "64"));
  EXPECT_THAT(values("teacher.d=5:7"), ElementsAre("5", "6", "7"));
  EXPECT_THAT(values("noise=0:0.3:0.1"), ElementsAre("0", "0.1", "0.2", "0.3"));
  EXPECT_THAT(values("tolerance=1e-6:1e-4:x10"), ElementsAre("1e-06", "1e-05", "0.0001"));
  EXPECT_THAT(values("lambda-start=auto,0.01:0.02:0.01"), ElementsAre("auto", "0.01", "0.02"));
  EXPECT_THAT(values("width=2,8:12:4"), ElementsAre("2", "8", "12"));
  // Not a number: a colon means what it means to the key.
  EXPECT_THAT(values("teacher.amplitudes=1:2,0.5:1"), ElementsAre("1:2", "0.5:1"));
}

TEST(SweepPlan, ValuesWithCommasStandInQuotes) {
  const SweepPlan plan = plan_sweep(request({R"(teacher="random:d=5,k=2","random:d=7,k=3")"}));
  ASSERT_EQ(plan.runs.size(), 2U);
  EXPECT_EQ(plan.runs[1].options.teacher, "random:d=7,k=3,seed=0");
  // Names of folders hold nothing that a file system or a shell could trip over.
  EXPECT_EQ(plan.runs[1].name, "teacher=random%3Ad=7,k=3,seed=0");
}

TEST(SweepPlan, LongValuesGetShortUniqueNames) {
  const std::string tail(300, '1');
  const SweepPlan plan =
      plan_sweep(request({"teacher.min-angle=10." + tail + ",10." + tail + "2"}));
  EXPECT_LT(plan.runs[0].name.size(), 240U);
  EXPECT_NE(plan.runs[0].name, plan.runs[1].name);
}

TEST(SweepPlan, CombinationsThatAreNoRunAreKept) {
  const SweepPlan plan = plan_sweep(request({"teacher.k=2,3", "teacher.r=2,3"}));
  ASSERT_EQ(plan.runs.size(), 4U);
  EXPECT_THAT(plan.runs[1].problem, HasSubstr("r: got 3"));
  for (const std::size_t i : {0, 2, 3}) EXPECT_EQ(plan.runs[i].problem, "");
}

TEST(SweepPlan, RefusesWhatNoRunCouldHave) {
  const auto refused = [](std::vector<std::string> grid, std::string seeds = "") {
    return message_of<InvalidArgument>([&] { plan_sweep(request(grid, seeds)); });
  };
  EXPECT_THAT(refused({"widht=10"}), HasSubstr("did you mean 'width'?"));
  EXPECT_THAT(refused({"teacher.dd=10"}), HasSubstr("did you mean 'd'?"));
  EXPECT_THAT(refused({"width=10,11"}), HasSubstr("width=11"));
  EXPECT_THAT(refused({"width=10,x"}), StartsWith("grid: got width=x; width: got 'x'"));
  EXPECT_THAT(refused({"width=10:x"}), HasSubstr("LOW:HIGH:STEP"));
  EXPECT_THAT(refused({"width=10:20:0"}), HasSubstr("positive step"));
  EXPECT_THAT(refused({"width=10:20:x0.5"}), HasSubstr("factor above 1"));
  EXPECT_THAT(refused({"tolerance=0:1:x2"}), HasSubstr("LOW > 0"));
  EXPECT_THAT(refused({"teacher.min-angle=0:1:1e-9"}), HasSubstr("more than"));
  EXPECT_THAT(refused({"width=10,10"}), HasSubstr("twice"));
  EXPECT_THAT(refused({"width=10", "width=20"}), HasSubstr("twice"));
  EXPECT_THAT(refused({"=10"}), HasSubstr("KEY=VALUE"));
  EXPECT_THAT(refused({"seed=1"}), HasSubstr("given by seeds, as in seeds 0:9"));
  EXPECT_THAT(refused({}, "1,x"), StartsWith("seeds"));
  EXPECT_THAT(refused({}, "3:1"), StartsWith("seeds"));
  EXPECT_THAT(refused({}, "0:100000"), StartsWith("seeds"));
  EXPECT_THAT(refused({"noise=0.1"}), HasSubstr("noise")) << "needs samples";
  SweepRequest empty = request({"width=10"});
  empty.base.teacher.clear();
  EXPECT_THAT(message_of<InvalidArgument>([&] { plan_sweep(empty); }), StartsWith("teacher"));
}

TEST(Sweep, TableAndSummaryFollowTheRuns) {
  const SweepPlan plan = plan_sweep(request({"teacher.k=2,3"}, "0:1"));
  std::vector<SweepRecord> records(4);
  records[0].summary =
      R"({"status": "converged", "loss": 1e-9, "recovery": {"teachers": 2, "matched": 2, "recovered": 2}})";
  records[1].summary =
      R"({"status": "budget", "loss": 0.5, "recovery": {"teachers": 2, "matched": 2, "recovered": 1}})";
  records[2].summary = R"({"status": "failed", "message": "one, \"two\""})";
  EXPECT_EQ(
      sweep_csv(plan, records),
      "teacher.k,seed,status,loss,recovery.teachers,recovery.matched,recovery.recovered,message\n"
      "2,0,converged,1e-09,2,2,2,\n"
      "2,1,budget,0.5,2,2,1,\n"
      "3,0,failed,,,,,\"one, \"\"two\"\"\"\n"
      "3,1,open,,,,,\n");
  const std::string summary = sweep_summary_text(plan, records, Status::interrupted, 1.0);
  EXPECT_THAT(summary, HasSubstr(R"("recovered_share": 0.5)"));
  EXPECT_THAT(summary, HasSubstr(R"("status": "interrupted")"));
  EXPECT_THAT(summary, HasSubstr(R"("open": 1)"));
}

// The same bits as train, in this process and at any number of jobs, recorded and taken up again.
TEST(Sweep, RunsHaveTheBitsOfTrain) {
  SweepRequest one = request({"width=4,6"}, "3:4");
  one.base.algorithm.tolerance = 1e-3;
  const SweepPlan plan = plan_sweep(one);
  const support::TemporaryFolder folder;
  SweepFolder sweep(folder.file("sweep"), plan, "seeds = \"3:4\"\n", SweepStart::fresh_or_same);
  const std::vector<SweepRecord> records = sweep.run(plan, false, 3);
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    const TrainOptions& options = plan.runs[i].options;
    const TrainInputs inputs = read_train_inputs(options);
    const Problem problem = make_problem(options, inputs.teacher, inputs.data);
    TrainState state;
    const TrainResult result = train(problem, options, state);
    const auto loss = ::testing::HasSubstr("\"loss\": ");
    EXPECT_THAT(records[i].summary, loss);
    state.seconds = records[i].seconds;
    const support::ThreadCount as_in_a_sweep(1);
    EXPECT_EQ(records[i].summary, summary_text(problem, options, state, result));
  }
  const std::vector<SweepRecord> again = sweep.run(plan, false, 1);
  for (std::size_t i = 0; i < again.size(); ++i) {
    EXPECT_TRUE(again[i].reused);
    EXPECT_EQ(again[i].summary, records[i].summary);
  }
}

TEST(RandomTeacherDescription, SizesAreDrawnByTheSeed) {
  std::set<std::pair<Index, Index>> seen;
  for (int seed = 0; seed < 200; ++seed) {
    const auto drawn =
        random_teacher("random:d=4,k=1:6,r=1:6,seed=" + std::to_string(seed)).value();
    EXPECT_NO_THROW(drawn.validate());
    EXPECT_GE(drawn.k, 1);
    EXPECT_LE(drawn.k, 6);
    seen.insert({drawn.k, drawn.r});
  }
  // (1,1), (2,2), (3,2), (3,3), (4,2..4), (5,2..4), (6,2..4)
  EXPECT_EQ(seen.size(), 13U);
  EXPECT_EQ(random_teacher("random:d=4,k=3,r=2,seed=1")->r, 2);
  EXPECT_EQ(random_teacher("teacher.json"), std::nullopt);
  EXPECT_THROW(random_teacher("random:k=3:2"), InvalidArgument);
  EXPECT_THROW(random_teacher("random:k=3:"), InvalidArgument);
  EXPECT_THROW(random_teacher("random:k=2,r=3:4")->validate(), InvalidArgument);
}

TEST(RandomTeacherDescription, OneKeyIsReplaced) {
  EXPECT_EQ(with_teacher_key("random:", "k", "3"), "random:k=3");
  EXPECT_EQ(with_teacher_key("random:d=5,k=2,seed=1", "k", "3"), "random:d=5,k=3,seed=1");
  EXPECT_EQ(with_teacher_key("random:d=5", "min-angle", "3.5"), "random:d=5,min-angle=3.5");
  EXPECT_THROW(with_teacher_key("file.json", "k", "3"), InvalidArgument);
  EXPECT_THROW(with_teacher_key("random:", "kk", "3"), InvalidArgument);
  EXPECT_THROW(with_teacher_key("random:", "k", "x"), InvalidArgument);
}

}  // namespace
}  // namespace lodestone
