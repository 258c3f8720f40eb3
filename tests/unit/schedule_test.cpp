// Schedules of weight decay and the files they are read from.

#include "lodestone/train/schedule.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "lodestone/core/error.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::message_of;
using support::TemporaryFolder;

TEST(Schedule, Halving) {
  Schedule schedule;
  EXPECT_EQ(schedule.kind, Schedule::Kind::halving);
  EXPECT_TRUE(schedule.has_start());
  EXPECT_EQ(schedule.lambda(0, 0.8), 0.8);
  EXPECT_EQ(schedule.lambda(1, 0.8), 0.4);
  EXPECT_EQ(schedule.lambda(10, 0.8), 0.8 / 1024.0);
  schedule.factor = 0.1;
  EXPECT_NEAR(schedule.lambda(3, 2.0).value(), 0.002, 1e-17);
}

TEST(Schedule, ConstantAndNoneAreOneEpoch) {
  Schedule schedule;
  schedule.kind = Schedule::Kind::constant;
  EXPECT_TRUE(schedule.has_start());
  EXPECT_EQ(schedule.lambda(0, 0.3), 0.3);
  EXPECT_EQ(schedule.lambda(1, 0.3), std::nullopt);
  schedule.kind = Schedule::Kind::none;
  EXPECT_FALSE(schedule.has_start());
  EXPECT_EQ(schedule.lambda(0, 0.3), 0.0);
  EXPECT_EQ(schedule.lambda(1, 0.3), std::nullopt);
}

TEST(Schedule, List) {
  Schedule schedule;
  schedule.kind = Schedule::Kind::list;
  schedule.values = {0.5, 0.7, 0.0};
  EXPECT_FALSE(schedule.has_start());
  EXPECT_EQ(schedule.lambda(0, 9.0), 0.5);
  EXPECT_EQ(schedule.lambda(1, 9.0), 0.7);
  EXPECT_EQ(schedule.lambda(2, 9.0), 0.0);
  EXPECT_EQ(schedule.lambda(3, 9.0), std::nullopt);
}

TEST(ReadSchedule, Names) {
  EXPECT_EQ(read_schedule("halving").kind, Schedule::Kind::halving);
  EXPECT_EQ(read_schedule("constant").kind, Schedule::Kind::constant);
  EXPECT_EQ(read_schedule("none").kind, Schedule::Kind::none);
}

TEST(ReadSchedule, Files) {
  const TemporaryFolder folder;
  const auto values = [&](const std::string& content) {
    const Schedule schedule = read_schedule(folder.write("schedule.txt", content));
    EXPECT_EQ(schedule.kind, Schedule::Kind::list);
    return schedule.values;
  };
  EXPECT_EQ(values("0.1\n0.05\n"), (std::vector<double>{0.1, 0.05}));
  EXPECT_EQ(values("# from the paper\n\n  1e-3\t# first\r\n0\n2.5E-4"),
            (std::vector<double>{1e-3, 0.0, 2.5e-4}));
}

TEST(ReadSchedule, RejectsBadFilesWithTheLine) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& content, const std::string& place) {
    const std::string path = folder.write("schedule.txt", content);
    const std::string message = message_of<FileError>([&] { read_schedule(path); });
    EXPECT_EQ(message.rfind(path + place, 0), 0U) << content << ": " << message;
  };
  refused("0.1\n\nx\n", ":3: 'x'");
  refused("0.1 0.2\n", ":1: ");
  refused("-0.1\n", ":1: '-0.1'");
  refused("0.1\nnan\n", ":2: ");
  refused("inf\n", ":1: ");
  refused("1e999\n", ":1: ");
  refused("0.1,\n", ":1: ");
  refused("", ": ");
  refused("# nothing\n\n", ": ");
  EXPECT_THROW(read_schedule(folder.file("missing")), Error);
  EXPECT_NE(message_of<Error>([] { read_schedule("Halving"); }).find("Halving"), std::string::npos);
}

}  // namespace
}  // namespace lodestone
