#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <new>
#include <string>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "help_page.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/instruction_set.hpp"
#include "lodestone/core/nearest_name.hpp"
#include "lodestone/core/parallel.hpp"
#include "lodestone/version.hpp"
#include "processes.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

int fail(const std::string& message) {
  std::string line = message;
  for (char& character : line) {
    if (character == '\n') character = ' ';
  }
  say(fmt::format("lodestone: error: {}\n", line));
  return unusable_input;
}

// CLI11's complaints in one line, with the nearest flag or verb for a mistyped one.
int explain(const CLI::App& app, const CLI::ParseError& error,
            const std::vector<std::string>& words) {
  std::vector<std::string> verbs;
  const CLI::App* chosen = nullptr;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    verbs.push_back(verb->get_name());
    if (verb->get_name() == words.front()) chosen = verb;
  }
  const std::string help = chosen == nullptr
                               ? "lodestone --help"
                               : fmt::format("lodestone {} --help", chosen->get_name());
  if (chosen == nullptr) {
    if (words.front().starts_with('-')) {
      return fail(fmt::format("unknown flag '{}'{} ({} lists verbs)", words.front(),
                              did_you_mean(words.front(), {"--help", "--version"}), help));
    }
    return fail(fmt::format("unknown verb '{}'{} ({} lists them)", words.front(),
                            did_you_mean(words.front(), verbs), help));
  }
  std::vector<std::string> flags;
  for (const CLI::Option* option : chosen->get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string argument = words[i].substr(0, words[i].find('='));
    const bool looks_like_flag = argument.size() > 1 && argument[0] == '-' &&
                                 argument.find_first_not_of("-0123456789.eE") != std::string::npos;
    const bool known =
        argument == "-h" || std::find(flags.begin(), flags.end(), argument) != flags.end();
    if (looks_like_flag && !known) {
      return fail(fmt::format("unknown flag '{}'{} ({} lists them)", argument,
                              did_you_mean(argument, flags), help));
    }
  }
  return fail(fmt::format("{} ({} explains)", error.what(), help));
}

// The verbs that are other words for a flag: `help VERB` for `VERB --help`, `version` for
// `--version`. Without any word people look for help.
std::vector<std::string> plain_words(std::vector<std::string> words) {
  if (words.empty() || words == std::vector<std::string>{"help"}) return {"--help"};
  if (words == std::vector<std::string>{"version"}) return {"--version"};
  if (words.size() == 2 && words[0] == "help" && !words[1].starts_with('-')) {
    return {words[1], "--help"};
  }
  return words;
}

void add_plain_words(CLI::App& app) {
  CLI::App* help = app.add_subcommand("help", "Explain a verb with all its flags");
  help->group("About the program");
  help->add_option("VERB")->description("The verb; absent: the program")->type_name("");
  app.add_subcommand("version", "Print the program's version")->group("About the program");
}

// The status of several processes is that of the first: mpirun ends all others as soon as one ends
// with another status than 0, and the first may still be writing.
int of_the_first(int status, const Communicator* processes) {
  return processes != nullptr && processes->rank() > 0 ? 0 : status;
}

// glibc reserves 64 MiB of addresses for each thread that allocates. Where addresses are limited
// and that fails, every allocation becomes a mapping of its own, which is some hundred times
// slower: there all threads share one reserve.
void share_reserve_where_memory_is_limited() {
#ifdef __GLIBC__
  constexpr rlim_t ample = rlim_t{1} << 32;
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur < ample) mallopt(M_ARENA_MAX, 1);
#endif
}

int run(int argc, char** argv) {
  CLI::App app{
      "Lodestone finds the few hidden directions a target depends on, by training regularized "
      "two-layer networks with gradient descent and decreasing weight decay.",
      "lodestone"};
  app.formatter(std::make_shared<HelpPage>());
  app.set_version_flag("--version", fmt::format("lodestone {}", version));
  app.require_subcommand(1);
  std::vector<std::unique_ptr<Verb>> verbs;
  verbs.push_back(make_train(app));
  verbs.push_back(make_fit(app));
  verbs.push_back(make_select(app));
  verbs.push_back(make_sample(app));
  verbs.push_back(make_predict(app));
  verbs.push_back(make_certify(app));
  verbs.push_back(make_verify(app));
  verbs.push_back(make_sweep(app));
  verbs.push_back(make_certificate(app));
  verbs.push_back(make_flow(app));
  verbs.push_back(make_lab(app));
  verbs.push_back(make_bench(app));
  verbs.push_back(make_report(app));
  verbs.push_back(make_export(app));
  verbs.push_back(make_options(app));
  add_plain_words(app);
  verbs.push_back(make_completion(app));
  verbs.push_back(make_man(app));
  const std::vector<std::string> words = plain_words({argv + std::min(argc, 1), argv + argc});
  try {
    std::vector<std::string> from_the_end(words.rbegin(), words.rend());  // as CLI11 takes them
    app.parse(from_the_end);
  } catch (const CLI::CallForHelp& help) {
    // Help of what is no verb would be about something else than was asked.
    const bool verb_unknown = app.get_subcommands().empty() && !words.front().starts_with('-');
    if (verb_unknown) return explain(app, help, words);
    return app.exit(help);
  } catch (const CLI::CallForVersion& version_call) {
    return app.exit(version_call);
  } catch (const CLI::ParseError& error) {
    return explain(app, error, words);
  }
  for (const auto& verb : verbs) {
    if (!verb->app->parsed()) continue;
    if (!verb->works_in_several_processes()) refuse_several_processes(verb->app->get_name());
    return verb->run();
  }
  return unusable_input;
}

}  // namespace
}  // namespace lodestone::app

int main(int argc, char** argv) {
  using namespace lodestone;
  app::share_reserve_where_memory_is_limited();
  Communicator* processes = nullptr;
  std::string error;
  try {
    processes = app::processes();
    // What the environment asks for is refused before any work begins.
    instruction_set();
    threads();
    app::read_tables_by_companion();
    const int status = app::run(argc, argv);
    // What was printed is part of the result: a full disk must not pass for success.
    std::cout.flush();
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout) {
      // One that fails at its end, as it writes its files, tells the others here.
      if (processes != nullptr) processes->gather("");
      return app::of_the_first(status, processes);
    }
    error = "standard output: cannot be written; free some space or choose another place";
  } catch (const std::bad_alloc&) {
    error = "out of memory; use fewer rows or a smaller --width";
  } catch (const Error& refused) {
    error = app::in_words(refused.message());
  } catch (const std::exception& other) {
    error = other.what();
  }
  const int status = app::fail(error);
  if (processes != nullptr) processes->fail(error);
  return app::of_the_first(status, processes);
}
