#include <gmock/gmock.h>

#include <limits>
#include <set>
#include <string>

#include "io/json_record.hpp"
#include "lodestone/certify/model_certificate.hpp"
#include "lodestone/fit/fit.hpp"
#include "lodestone/model/certificate.hpp"
#include "lodestone/model/recovery.hpp"
#include "lodestone/runs/train.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::same_bits;
using testing::ElementsAre;

template <class Record>
std::vector<std::string> names_of(const Record& record) {
  std::vector<std::string> names;
  visit_fields(record, [&](const char* name, const auto&) { names.emplace_back(name); });
  return names;
}

Recovery some_recovery() {
  Recovery recovery;
  recovery.teachers = 2;
  recovery.matched = 2;
  recovery.recovered = 1;
  recovery.max_angle_deg = 12.5;
  recovery.mean_angle_deg = 0.1;
  recovery.far_mass = 0.25;
  recovery.subspace_share = 0.9;
  recovery.per_teacher = {{1.5, 1.4, 0.01, 0.5, 0.001, 3, true, true},
                          {-1.0, -0.5, 12.5, 13.0, 0.75, 0, true, false}};
  return recovery;
}

TEST(Record, NamesEachFieldOnce) {
  const auto expect_distinct = [](const auto& record) {
    const std::vector<std::string> names = names_of(record);
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  };
  expect_distinct(Certificate());
  expect_distinct(Recovery());
  expect_distinct(TeacherRecovery());
  expect_distinct(HistoryRow());
  expect_distinct(TestError());
  expect_distinct(FeatureReport());
  EXPECT_THAT(names_of(TestError()),
              ElementsAre("rmse", "r2", "relative_error", "deviance_explained", "log_loss",
                          "accuracy", "rows"));
}

TEST(Record, ReadsBackFromJson) {
  const Recovery written = some_recovery();
  Recovery read;
  visit_fields(read, io::FieldsFromJson(io::json_of(written)));
  EXPECT_TRUE(same_bits(read, written));
  read.per_teacher[1].neurons = 1;
  EXPECT_FALSE(same_bits(read, written));

  nlohmann::ordered_json cut = io::json_of(written);
  cut["per_teacher"][0].erase("mass");
  EXPECT_THROW(visit_fields(read, io::FieldsFromJson(cut)), nlohmann::json::exception);
}

TEST(Record, JsonLeavesOutWhatDoesNotApply) {
  TestError test;
  test.rmse = 0.5;
  test.rows = 10;
  EXPECT_EQ(io::json_of(test).dump(), R"({"rmse":0.5,"rows":10})");

  Certificate certificate;
  certificate.kind = Certificate::Kind::rigorous;
  certificate.direction = Vector::Ones(3);
  const nlohmann::ordered_json json = io::json_of(certificate);
  EXPECT_EQ(json.at("kind"), "rigorous");
  EXPECT_FALSE(json.contains("direction"));
}

}  // namespace
}  // namespace lodestone
