#include <mpi.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <numeric>

#include "lodestone/core/communicator.hpp"

namespace lodestone {
namespace {

// MPI ends all processes when one of its own calls fails, which is its default.
class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator() {
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
  }
  ~MpiCommunicator() override { MPI_Finalize(); }
  MpiCommunicator(const MpiCommunicator&) = delete;
  MpiCommunicator& operator=(const MpiCommunicator&) = delete;

  Index rank() const override { return rank_; }
  Index size() const override { return size_; }

 protected:
  std::vector<std::string> exchange(const std::string& own) override {
    const auto count = static_cast<std::size_t>(size_);
    const unsigned long long length = own.size();
    std::vector<unsigned long long> lengths(count);
    MPI_Allgather(&length, 1, MPI_UNSIGNED_LONG_LONG, lengths.data(), 1, MPI_UNSIGNED_LONG_LONG,
                  MPI_COMM_WORLD);
    if (std::accumulate(lengths.begin(), lengths.end(), 0ULL) > INT_MAX) too_long();
    std::vector<int> counts(lengths.begin(), lengths.end());
    std::vector<int> places(count, 0);
    std::partial_sum(counts.begin(), counts.end() - 1, places.begin() + 1);
    std::string all(static_cast<std::size_t>(places.back() + counts.back()), '\0');
    MPI_Allgatherv(own.data(), counts[static_cast<std::size_t>(rank_)], MPI_BYTE, all.data(),
                   counts.data(), places.data(), MPI_BYTE, MPI_COMM_WORLD);
    std::vector<std::string> result;
    for (std::size_t other = 0; other < count; ++other) {
      result.push_back(all.substr(static_cast<std::size_t>(places[other]),
                                  static_cast<std::size_t>(counts[other])));
    }
    return result;
  }

 private:
  // MPI 3 counts in int.
  [[noreturn]] void too_long() const {
    if (rank_ == 0) std::fputs("lodestone: error: sums of over 2 GiB do not go by MPI\n", stderr);
    MPI_Abort(MPI_COMM_WORLD, 2);
    std::abort();
  }

  int rank_ = 0;
  int size_ = 1;
};

}  // namespace
}  // namespace lodestone

/// The processes of this run; the caller deletes it, which ends MPI.
extern "C" lodestone::Communicator* lodestone_mpi_communicator();
lodestone::Communicator* lodestone_mpi_communicator() { return new lodestone::MpiCommunicator; }
