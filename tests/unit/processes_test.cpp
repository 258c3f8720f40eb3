#include "processes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/block_sums.hpp"
#include "lodestone/certify/certificate.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/random.hpp"
#include "lodestone/objective/objective.hpp"
#include "lodestone/train/algorithm1.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::on_processes;
using support::same_bits;

std::vector<std::string> no_errors(Index count) {
  return std::vector<std::string>(static_cast<std::size_t>(count));
}

Vector normals(Index count) {
  const RandomStream random(1, "numbers");
  return Vector::NullaryExpr(count,
                             [&](Index i) { return random.normal(static_cast<std::uint64_t>(i)); });
}

TEST(RowShare, DealsWholeLeavesAndAllRows) {
  for (const Index rows : {1, 240, 1000, 70'000, 400'000}) {
    for (const Index size : {1, 2, 3, 5, 64}) {
      std::vector<RowShare> shares;
      for (Index rank = 0; rank < size; ++rank) {
        support::Meeting meeting(static_cast<std::size_t>(size));
        support::MeetingCommunicator communicator(meeting, rank);
        shares.emplace_back(rows, communicator);
      }
      Index next = 0;
      for (const RowShare& share : shares) {
        EXPECT_EQ(share.first(), next);
        EXPECT_TRUE(share.first() == rows || share.first() % rows_per_block == 0);
        next += share.count();
      }
      EXPECT_EQ(next, rows);
    }
  }
}

TEST(SumsOverProcesses, HaveTheBitsOfOne) {
  for (const Index rows : {1, 300, 5'000, 40'000, 200'000}) {
    const Vector x = normals(rows);
    const double alone = row_sum(x);
    const auto add_products = [](const auto& of, Index first, Index count, double* sums) {
      for (Index t = first; t < first + count; ++t) {
        for (Index i = 0; i < 3; ++i) {
          for (Index j = i; j < 4; ++j) {
            sums[4 * i + j] +=
                std::cos(of[t] * static_cast<double>(i)) * (of[t] + static_cast<double>(j));
          }
        }
      }
    };
    const SumShape upper{12, 3, 4};
    const auto sums_of = [&](const BlockShare& blocks, const Vector& of) {
      std::vector<double> sums = sum_over_blocks(blocks, upper, [&](Index block, double* to) {
        const Index first = block * rows_per_block;
        add_products(of, first, std::min(rows_per_block, of.size() - first), to);
      });
      for (Index i = 1; i < 3; ++i) std::fill_n(sums.begin() + 4 * i, i, 0.0);  // not wanted
      return sums;
    };
    const std::vector<double> products = sums_of(BlockShare(blocks_of(rows)), x);
    for (const Index size : {1, 2, 3, 5}) {
      const auto errors = on_processes(size, [&](Communicator& processes) {
        const RowShare share(rows, processes);
        const Vector here = x.segment(share.first(), share.count());
        EXPECT_EQ(row_sum(share, here), alone);
        EXPECT_EQ(sums_of(BlockShare(share), here), products);
      });
      EXPECT_EQ(errors, no_errors(size));
    }
  }
}

TEST(Communicator, TellsAllOthersOfAFailure) {
  const auto errors = on_processes(3, [](Communicator& processes) {
    processes.gather("first");
    if (processes.rank() == 1) throw Error("the disk is full");
    processes.gather("second");
    ADD_FAILURE() << "the failure is not told";
  });
  EXPECT_EQ(errors[1], "the disk is full");
  EXPECT_EQ(errors[0], "process 1 of 3: the disk is full");
  EXPECT_EQ(errors[2], errors[0]);
}

SampleData drawn_rows(Index rows, Precision precision) {
  const Index d = 5;
  SampleData data;
  data.X = Eigen::Map<const Matrix>(normals(rows * d).data(), rows, d);
  data.X.col(2).array() += 4.0;
  data.y = (data.X.col(0) + data.X.col(1)).cwiseMax(0.0) - data.X.col(3).cwiseMax(0.0);
  data.weights = data.y.unaryExpr([](double y) { return 1.0 + 0.25 * std::tanh(y); });
  data.biases = true;
  data.precision = precision;
  return data;
}

SampleData part_of(const SampleData& all, const RowShare& share) {
  SampleData part = all;
  part.X = all.X.middleRows(share.first(), share.count());
  part.y = all.y.segment(share.first(), share.count());
  part.weights = all.weights.segment(share.first(), share.count());
  part.share = share;
  return part;
}

class RowsOnProcesses : public testing::TestWithParam<Precision> {};

TEST_P(RowsOnProcesses, MakeTheSameObjective) {
  for (const Index rows : {700, 17'000}) {  // a search begins with a sketch of many rows
    const SampleData all = drawn_rows(rows, GetParam());
    const SampleObjective alone(all);
    const Network network = symmetric_start(20, alone.dimension(), 7);
    Network trained = network;
    trained.a.array() += 0.3;
    const Evaluation evaluation = alone.evaluate(trained);
    const FeatureGram gram = alone.feature_gram(network.W);
    const auto residual = alone.residual(trained);
    const auto certificate = estimate_certificate(alone, trained, 0.05, {});
    for (const Index size : {2, 5}) {
      const auto errors = on_processes(size, [&](Communicator& processes) {
        const SampleObjective shared(part_of(all, RowShare(rows, processes)));
        EXPECT_EQ(shared.null_loss(), alone.null_loss());
        EXPECT_EQ(shared.loss(trained), alone.loss(trained));
        const Evaluation same = shared.evaluate(trained);
        EXPECT_EQ(same.loss, evaluation.loss);
        EXPECT_TRUE(same_bits(same.gradient_W, evaluation.gradient_W));
        EXPECT_TRUE(same_bits(same.gradient_a, evaluation.gradient_a));
        EXPECT_TRUE(same_bits(shared.feature_gram(network.W).K, gram.K));
        EXPECT_EQ(shared.affine(trained).alpha, alone.affine(trained).alpha);
        const auto here = shared.residual(trained);
        EXPECT_EQ(here->rows(), rows);
        EXPECT_TRUE(same_bits(here->suggested_directions(9), residual->suggested_directions(9)));
        EXPECT_TRUE(same_bits(here->row_points(), residual->row_points()));
        EXPECT_TRUE(
            same_bits(Vector(here->row_derivatives()), Vector(residual->row_derivatives())));
        const auto bound = estimate_certificate(shared, trained, 0.05, {});
        EXPECT_EQ(bound.sup_eta, certificate.sup_eta);
        EXPECT_EQ(bound.gap, certificate.gap);
        EXPECT_EQ(bound.relative_gap, certificate.relative_gap);
      });
      EXPECT_EQ(errors, no_errors(size));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Both, RowsOnProcesses,
                         testing::Values(Precision::float64, Precision::float32));

TEST(RowsOnProcesses, RefuseWhatNeedsTheRowsOfOthers) {
  const SampleData all = drawn_rows(1000, Precision::float64);
  const auto errors = on_processes(2, [&](Communicator& processes) {
    const RowShare share(1000, processes);
    SampleData counts = part_of(all, share);
    counts.family = Family::Kind::huber;
    EXPECT_THROW(SampleObjective{counts}, InvalidArgument);
    const SampleObjective shared(part_of(all, share));
    EXPECT_THROW(shared.without_rows(0, 10), InvalidArgument);
    EXPECT_THROW(shared.counted_rows(), InvalidArgument);
  });
  EXPECT_EQ(errors, no_errors(2));
}

TEST(RowsOnProcesses, TrainTheSameNetwork) {
  const Index rows = 3000;
  const SampleData all = drawn_rows(rows, Precision::float64);
  Algorithm1Options options;
  options.width = 20;
  options.seed = 5;
  options.max_steps = 60;
  const auto trained = [&](const SampleObjective& objective) {
    Algorithm1State state;
    run_algorithm1(objective, options, state, {});
    return state.network;
  };
  const Network alone = trained(SampleObjective(all));
  const auto errors = on_processes(3, [&](Communicator& processes) {
    const Network same = trained(SampleObjective(part_of(all, RowShare(rows, processes))));
    EXPECT_TRUE(same_bits(same.W, alone.W));
    EXPECT_TRUE(same_bits(same.a, alone.a));
  });
  EXPECT_EQ(errors, no_errors(3));
}

}  // namespace
}  // namespace lodestone
