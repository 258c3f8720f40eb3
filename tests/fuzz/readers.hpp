#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "unit/support.hpp"

/// What is promised of every file that is read: it is taken, or it is refused by an Error of the
/// library, and what was taken can be used, written, and read back the same.
namespace lodestone::fuzz {

/// A broken promise.
class Fault : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// What the bytes of an input are, for a mutator that keeps their structure.
enum class Structure { none, json, cbor };

/// One kind of file.
struct Reader {
  std::string format;  ///< the name of its folder in corpus/ and faults/
  Structure structure;

  /// Reads the bytes as a file of this kind; `folder` is where it may write. Throws Fault, or
  /// whatever else the reader threw that is no Error.
  void (*read)(const support::TemporaryFolder& folder, std::string_view bytes);
};

/// Every kind of file that the library reads. (ONNX files it only writes.)
const std::vector<Reader>& readers();

}  // namespace lodestone::fuzz
