#include <csignal>

#include "verbs.hpp"

namespace lodestone::app {
namespace {

volatile std::sig_atomic_t requested = 0;

void request(int signal) {
  requested = 1;
  // A second interrupt ends the program at once; the last checkpoint stays.
  std::signal(signal, SIG_DFL);
}

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, request);
  std::signal(SIGTERM, request);
}

bool interrupt_requested() { return requested != 0; }

}  // namespace lodestone::app
