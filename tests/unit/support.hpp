#pragma once

// Builders and comparisons shared by the unit tests.

#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "lodestone/core/message.hpp"
#include "lodestone/core/parallel.hpp"
#include "lodestone/core/random.hpp"
#include "lodestone/core/types.hpp"
#include "lodestone/model/network.hpp"
#include "lodestone/model/teacher.hpp"

namespace lodestone::support {

inline Matrix normal_matrix(Index rows, Index columns, std::uint64_t seed,
                            std::string_view purpose = "test matrix") {
  const RandomStream stream(seed, purpose);
  Matrix result(rows, columns);
  for (Index i = 0; i < result.size(); ++i) {
    result.data()[i] = stream.normal(static_cast<std::uint64_t>(i));
  }
  return result;
}

inline Vector normal_vector(Index size, std::uint64_t seed,
                            std::string_view purpose = "test vector") {
  return normal_matrix(size, 1, seed, purpose).col(0);
}

inline Network normal_network(Index m, Index d, std::uint64_t seed) {
  return {normal_vector(m, seed, "test a"), normal_matrix(m, d, seed, "test W")};
}

/// A teacher with all amplitudes between 0.7 and 1.3 and both signs when k > 1.
inline Teacher small_teacher(Index d, Index k, std::uint64_t seed, double min_angle = 30.0) {
  RandomTeacher options;
  options.d = d;
  options.k = k;
  options.r = std::min(d, k);
  options.min_angle = min_angle;
  options.amplitude_low = 0.7;
  options.amplitude_high = 1.3;
  options.seed = seed;
  return draw_teacher(options);
}

template <class Left, class Right>
bool same_bits(const Left& left, const Right& right) {
  return left.rows() == right.rows() && left.cols() == right.cols() &&
         (left.size() == 0 ||
          std::memcmp(left.data(), right.data(),
                      static_cast<std::size_t>(left.size()) * sizeof(typename Left::Scalar)) == 0);
}

inline bool same_bits(double left, double right) {
  return std::memcmp(&left, &right, sizeof left) == 0;
}

inline bool same_bits(const Network& left, const Network& right) {
  return same_bits(left.a, right.a) && same_bits(left.W, right.W);
}

/// Visits the fields of a record to put the bytes of all of them together.
class FieldsToBytes {
 public:
  template <class Value>
  void operator()(const char*, const Value& value) {
    add(&value, sizeof value);
  }
  void operator()(const char*, const Vector& values) {
    add(values.data(), static_cast<std::size_t>(values.size()) * sizeof(double));
  }
  template <class Record>
  void operator()(const char*, const std::vector<Record>& records) {
    for (const Record& record : records) visit_fields(record, *this);
  }

  std::string bytes;

 private:
  void add(const void* begin, std::size_t count) {
    bytes.append(static_cast<const char*>(begin), count);
  }
};

/// For the records of core/record.hpp.
template <class Record>
requires requires(const Record& record, FieldsToBytes& fields) { visit_fields(record, fields); }
bool same_bits(const Record& left, const Record& right) {
  FieldsToBytes of_left, of_right;
  visit_fields(left, of_left);
  visit_fields(right, of_right);
  return of_left.bytes == of_right.bytes;
}

/// Uses a number of threads until the end of the scope.
class ThreadCount {
 public:
  explicit ThreadCount(int count) : before_(threads()) { set_threads(count); }
  ~ThreadCount() { set_threads(before_); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int before_;
};

/// A new empty folder, removed with its content at the end of the scope. It lies among temporary
/// files, or in the working folder where nothing can be written there.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::random_device device;
    const std::string name =
        "lodestone-test-" + std::to_string(::getpid()) + "-" + std::to_string(device());
    std::error_code failed;
    for (const auto& place :
         {std::filesystem::temp_directory_path(failed), std::filesystem::current_path()}) {
      path_ = place / name;
      if (std::filesystem::create_directory(path_, failed)) return;
    }
    throw std::runtime_error("no folder for temporary files");
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

  std::string write(const std::string& name, std::string_view content) const {
    std::ofstream(file(name), std::ios::binary)
        .write(content.data(), static_cast<std::streamsize>(content.size()));
    return file(name);
  }

  std::string read(const std::string& name) const {
    std::ifstream stream(file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

 private:
  std::filesystem::path path_;
};

/// The message of the Error of type E that `call` throws; "" when it throws nothing or another.
template <class E, class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  } catch (...) {
  }
  return "";
}

/// What warnings say, with the library's names of options.
inline std::vector<std::string> texts(const std::vector<Warning>& warnings) {
  std::vector<std::string> result;
  for (const Warning& warning : warnings) result.push_back(warning.message.text());
  return result;
}

}  // namespace lodestone::support
