#include "lodestone/train/algorithm1.hpp"

namespace lodestone {

const char* name(Status status) {
  switch (status) {
    case Status::converged:
      return "converged";
    case Status::budget:
      return "budget";
    case Status::interrupted:
      return "interrupted";
    case Status::diverged:
      return "diverged";
  }
  return "";
}

}  // namespace lodestone
