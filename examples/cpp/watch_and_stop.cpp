// Watches a fit and stops it early: the model is then the best of what was finished. A program
// would ask a clock or a button where this one asks how much of the work is done.

#include <atomic>
#include <exception>
#include <iostream>
#include <lodestone/lodestone.hpp>
#include <string>

int main() try {
  lodestone::RandomTeacher hidden;
  hidden.d = 5;
  hidden.k = hidden.r = 2;
  const lodestone::Dataset rows =
      lodestone::draw_samples(lodestone::draw_teacher(hidden), 300, 0.1, 1);

  std::atomic<bool> enough = false;  // both functions may be called from any thread
  int reports = 0;                   // on_progress is called by one thread at a time
  lodestone::FitObserver observer;
  observer.on_progress = [&](double share, const std::string&) {
    ++reports;
    if (share > 0.3) enough = true;
  };
  observer.should_stop = [&] { return enough.load(); };

  const lodestone::FitResult result = lodestone::fit(rows, {}, observer);
  std::cout << (reports > 0 ? "progress was reported\n" : "nothing was reported\n")
            << (result.interrupted ? "stopped early\n" : "came to its end\n") << "a model with "
            << result.model.features.size() << " features\n";
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
