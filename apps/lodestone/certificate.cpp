#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/runs/certificate_files.hpp"
#include "lodestone/runs/options.hpp"
#include "lodestone/theory/teacher_certificate.hpp"
#include "verbs.hpp"

namespace lodestone::app {
namespace {

std::string tried_table(const TeacherCertificate& found) {
  std::string text =
      fmt::format("  {:>7}  {:>10}  {:>10}  {:>12}\n", "order l", "rho", "||p||", "||p||^2/rho");
  for (const TriedOrder& tried : found.tried) {
    text += fmt::format(
        "{} {:>7}  {:>10.4g}  {:>10.4g}  {:>12}\n", tried.order == found.order ? '>' : ' ',
        tried.order, tried.rho, tried.p_norm,
        tried.rho > 0.0 ? fmt::format("{:.4g}", tried.p_norm * tried.p_norm / tried.rho) : "-");
  }
  return text;
}

std::string peak_table(const TeacherCertificate& found) {
  constexpr std::size_t most_rows = 20;
  std::string text = fmt::format("  {:>7}  {:>10}  {:>10}  {:>10}  {:>11}\n", "teacher",
                                 "amplitude", "eta", "|slope|", "nearest");
  const std::size_t shown = std::min(most_rows, found.peaks.size());
  for (std::size_t j = 0; j < shown; ++j) {
    const TeacherCertificate::Peak& peak = found.peaks[j];
    text += fmt::format(
        "  {:>7}  {:>+10.4g}  {:>+10.6f}  {:>10.1e}  {:>11}\n", j + 1, peak.amplitude, peak.eta,
        peak.slope,
        std::isnan(peak.nearest_deg) ? "-" : fmt::format("{:.4g} deg", peak.nearest_deg));
  }
  if (shown < found.peaks.size()) {
    text +=
        fmt::format("  ... and {} more (--json and --out list them)\n", found.peaks.size() - shown);
  }
  return text;
}

std::string margin_lines(const TeacherCertificate& found) {
  if (!found.found) return found.reason + "\n";
  if (found.inputs == 1) return "every direction is the teacher's: rho has no bound\n";
  std::string text = fmt::format("|eta(u)| <= 1 - {:.6g} delta(u)^2 ", found.rho);
  text += found.rho_proven
              ? fmt::format("for every direction u: proven, {} cells (rigorous)\n", found.cells)
              : fmt::format("(estimated: {})\n", found.reason);
  return text + fmt::format("rho found by search: {:.6g}, at {:.4g} deg from a teacher\n",
                            found.rho_found, found.rho_found_at_deg);
}

std::string certificate_screen(const TeacherCertificate& found) {
  std::string text = fmt::format("{} {} in {} {}, span of dimension {}", found.teachers,
                                 found.teachers == 1 ? "teacher" : "teachers", found.inputs,
                                 found.inputs == 1 ? "input" : "inputs", found.span_dimension);
  if (!std::isnan(found.separation_deg)) {
    text += fmt::format(", Delta = {:.6g} deg", found.separation_deg);
  }
  text += "\n";
  if (found.order > 0) {
    text += "\n" + tried_table(found) + "\n" + peak_table(found) + "\n";
  }
  text += margin_lines(found);
  if (!found.found) return text;
  text += fmt::format("smallest order l with rho > 0: {}\n", found.smallest_order);
  text +=
      fmt::format("||p|| <= {:.6g}; eta differs from +1, -1 at the teachers by at most {:.1e}\n",
                  found.p_norm, found.interpolation_error);
  text += fmt::format(
      "at the optimum of P_lambda: integral of delta^2 d|mu| <= {:.4g} lambda, ||f - f_*|| <= "
      "{:.4g} lambda\n",
      found.angle_constant, found.residual_constant);
  return text;
}

class TeacherCertificateVerb final : public Verb {
 public:
  explicit TeacherCertificateVerb(CLI::App& parent) {
    app = parent.add_subcommand(
        "certificate",
        "The dual certificate of a teacher: eta on the sphere, its margin rho with a proof, and\n"
        "||p||, on which the bounds on angles depend");
    std::vector<Option> options = certificate_options(request_);
    for (Option& option : common_.table({.value = "DIR",
                          .help = "Folder for certificate.json, the figure and its data",
                          .default_note = "none: the result is only printed"},
                                        "certificate.json")) {
      options.push_back(std::move(option));
    }
    flags_.add(*app, std::move(options));
    flags_.add_word(*app, "TEACHER", "teacher");
  }

  int run() override {
    flags_.apply();
    common_.apply();
    if (request_.teacher.empty()) {
      throw InvalidArgument("teacher", "nothing", "give a teacher.json or random:d=8,k=3");
    }
    request_.how.validate();
    const Teacher teacher = read_teacher(request_.teacher);
    std::optional<RunFolder> folder;
    if (!common_.out.empty()) {
      folder = RunFolder::create(common_.out, common_.overwrite, config_text(flags_.options()));
    }
    catch_interrupts();
    request_.how.should_stop = [] { return interrupt_requested(); };
    const TeacherCertificate found = certify_teacher(teacher, request_.how);
    std::string problem;
    if (folder) problem = write_certificate(*folder, request_, teacher, found);
    if (!problem.empty() && !common_.quiet) {
      say(fmt::format("lodestone: warning: {}\n", problem));
    }
    if (common_.json) {
      print(certificate_json_text(request_, found));
    } else if (!common_.quiet) {
      print(certificate_screen(found));
      if (folder) print(fmt::format("files: {}/certificate.json\n", common_.out));
    }
    return interrupt_requested() ? interrupted : done;
  }

 private:
  CertificateRequest request_;
  OptionFlags flags_;
  CommonOptions common_;
};

}  // namespace

std::unique_ptr<Verb> make_certificate(CLI::App& parent) {
  return std::make_unique<TeacherCertificateVerb>(parent);
}

}  // namespace lodestone::app
