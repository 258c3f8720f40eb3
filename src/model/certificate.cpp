#include "lodestone/model/certificate.hpp"

namespace lodestone {

const char* name(Certificate::Kind kind) {
  return kind == Certificate::Kind::rigorous ? "rigorous" : "estimated";
}

}  // namespace lodestone
