#include "laboratory/laboratory_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/phrase.hpp"
#include "io/figure.hpp"
#include "io/gnuplot.hpp"
#include "io/json_text.hpp"
#include "laboratory/laboratory_style.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/io/runs/run_folder.hpp"
#include "lodestone/version.hpp"

namespace lodestone {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string data_file(const std::string& name) { return "data/" + name + ".csv"; }
std::string script_file(const std::string& name) { return "data/" + name + ".gp"; }
std::string picture_file(const std::string& name) { return "figures/" + name + ".svg"; }

// JSON has no infinities and no NaN.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

// One number where the check has one bound, [lower, upper] where it has two.
Json bound_of(const Check& check) {
  if (!std::isfinite(check.lower)) return number(check.upper);
  if (!std::isfinite(check.upper)) return number(check.lower);
  return Json::array({check.lower, check.upper});
}

std::string_view relation_of(const Check& check) {
  if (!std::isfinite(check.lower)) return "at most";
  return std::isfinite(check.upper) ? "between" : "at least";
}

std::string bound_in_words(const Check& check) {
  if (!std::isfinite(check.lower)) return fmt::format("≤ {:.4g}", check.upper);
  if (!std::isfinite(check.upper)) return fmt::format("≥ {:.4g}", check.lower);
  return fmt::format("{:.4g} to {:.4g}", check.lower, check.upper);
}

Json to_json(const Check& check) {
  return {{"quantity", check.quantity},
          {"measured", number(check.measured)},
          {"relation", relation_of(check)},
          {"bound", bound_of(check)},
          {"holds", check.holds()}};
}

Json to_json(const DataTable& table) {
  Json json = {{"file", data_file(table.name)}, {"rows", table.rows.size()}};
  Json& columns = json["columns"] = Json::array();
  for (const DataTable::Column& column : table.columns) {
    columns.push_back({{"name", column.name}, {"meaning", column.meaning}});
  }
  return json;
}

Json to_json(const ExperimentOutcome& outcome) {
  const Experiment& experiment = *outcome.experiment;
  const ExperimentResult& result = outcome.result;
  const Check& first = result.checks.front();
  Json json = {{"id", experiment.id},
               {"title", experiment.title},
               {"statement", experiment.statement},
               {"reconstructed", experiment.reconstructed},
               {"quantity", first.quantity},
               {"measured", number(first.measured)},
               {"relation", relation_of(first)},
               {"bound", bound_of(first)},
               {"holds", result.holds()},
               {"verdict", result.verdict}};
  json["checks"] = Json::array();
  for (const Check& check : result.checks) json["checks"].push_back(to_json(check));
  json["figure"] = nullptr;
  json["figures"] = Json::array();
  for (std::size_t i = 0; i < result.figures.size(); ++i) {
    if (i >= outcome.pictures.size() || outcome.pictures[i].empty()) continue;
    const std::string file = picture_file(result.figures[i].name);
    if (json["figure"].is_null()) json["figure"] = file;
    json["figures"].push_back({{"file", file},
                               {"script", script_file(result.figures[i].name)},
                               {"caption", result.figures[i].caption}});
  }
  json["data"] = Json::array();
  for (const DataTable& table : result.tables) json["data"].push_back(to_json(table));
  json["seconds"] = std::round(1000.0 * outcome.seconds) / 1000.0;
  return json;
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char character : text) {
    switch (character) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += character;
    }
  }
  return result;
}

std::string badge(bool holds) {
  return holds ? "<span class=\"holds\">holds</span>"
               : "<span class=\"fails\">does not hold</span>";
}

void replace_all(std::string& text, std::string_view from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
}

// An SVG file as an element of a page: without the lines that belong to a file, and with ids of its
// own where gnuplot gives every figure the same.
std::string as_element(const std::string& svg, const std::string& name) {
  const std::size_t start = svg.find("<svg");
  if (start == std::string::npos) return {};
  std::string element = svg.substr(start);
  for (const char* shared : {"gnuplot_canvas", "gpDot", "gpPt", "greybox", "textbox"}) {
    replace_all(element, shared, io::id_prefix(name) + "_" + shared);
  }
  return element;
}

std::string checks_table(const ExperimentResult& result) {
  std::string html =
      "<table>\n<tr><th>measured quantity</th><th>measured</th><th>bound</th><th></th></tr>\n";
  for (const Check& check : result.checks) {
    html += fmt::format("<tr><td>{}</td><td>{:.4g}</td><td>{}</td><td>{}</td></tr>\n",
                        escaped(check.quantity), check.measured, bound_in_words(check),
                        badge(check.holds()));
  }
  return html + "</table>\n";
}

std::string data_section(const ExperimentResult& result) {
  std::string html = "<details><summary>The data behind it</summary>\n";
  for (const DataTable& table : result.tables) {
    html += fmt::format("<p><a href=\"{0}\">{0}</a>, {1} rows:</p>\n<ul>\n", data_file(table.name),
                        table.rows.size());
    for (const DataTable::Column& column : table.columns) {
      html += fmt::format("<li><code>{}</code>: {}</li>\n", escaped(column.name),
                          escaped(column.meaning));
    }
    html += "</ul>\n";
  }
  return html + "</details>\n";
}

std::string section(const ExperimentOutcome& outcome, bool broken) {
  const Experiment& experiment = *outcome.experiment;
  const ExperimentResult& result = outcome.result;
  std::string html =
      fmt::format("<section id=\"{}\">\n<h2>{} <code>{}</code> {}</h2>\n", experiment.id,
                  escaped(experiment.title), experiment.id, badge(result.holds()));
  html += fmt::format("<p class=\"statement\">{}{}</p>\n", escaped(experiment.statement),
                      experiment.reconstructed ? " <i>(reconstructed)</i>" : "");
  html += fmt::format("<p><b>Measured.</b> {}</p>\n<p><b>Compared with.</b> {}</p>\n",
                      escaped(experiment.measurement), escaped(experiment.comparison));
  if (broken) {
    html += fmt::format("<p class=\"broken\"><b>Assumption taken away.</b> {}</p>\n",
                        escaped(experiment.broken_assumption));
  }
  for (std::size_t i = 0; i < result.figures.size(); ++i) {
    const bool drawn = i < outcome.pictures.size() && !outcome.pictures[i].empty();
    if (!drawn) continue;
    html += fmt::format("<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n",
                        as_element(outcome.pictures[i], result.figures[i].name),
                        escaped(result.figures[i].caption));
  }
  html += checks_table(result);
  html += fmt::format("<p><b>Verdict.</b> {}</p>\n", escaped(result.verdict));
  return html + data_section(result) + "</section>\n";
}

// Which files of data/ and figures/ a run of `lab` may have written.
bool is_experiment_file(const std::string& name) {
  const auto ours = [&](const Experiment& experiment) {
    if (!name.starts_with(experiment.id)) return false;
    const std::string_view rest = std::string_view(name).substr(experiment.id.size());
    const bool known_kind =
        rest.ends_with(".csv") || rest.ends_with(".gp") || rest.ends_with(".svg");
    return known_kind && (rest.front() == '.' || rest.front() == '-');
  };
  return std::any_of(experiments().begin(), experiments().end(), ours);
}

void remove_experiment_files(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (is_experiment_file(entry.path().filename().string())) files.push_back(entry.path());
  }
  for (const fs::path& file : files) {
    fs::remove(file, error);
    if (error) throw FileError(file.string(), "cannot be replaced (" + error.message() + ")");
  }
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder)) {
    throw FileError(folder.string(), phrase("cannot make this folder ({}); choose another {out}",
                                            error ? error.message() : "a file is in the way"));
  }
}

}  // namespace

LaboratoryFolder LaboratoryFolder::create(const fs::path& path, bool overwrite,
                                          const std::string& config) {
  RunFolder::create(path, overwrite, config);
  for (const char* part : {"data", "figures"}) {
    make_folder(path / part);
    remove_experiment_files(path / part);
  }
  return LaboratoryFolder(path);
}

void LaboratoryFolder::write_experiment(ExperimentOutcome& outcome) {
  const auto write = [this](const std::string& name, const std::string& content) {
    write_file_atomically((path_ / name).string(), content);
  };
  for (const DataTable& table : outcome.result.tables) {
    write(data_file(table.name), table_csv(table));
  }
  outcome.pictures.clear();
  for (const Figure& figure : outcome.result.figures) {
    const std::string script = script_file(figure.name);
    write(script, figure_script(figure));
    const io::Drawing drawing = io::draw(path_, script);
    if (!drawing.svg.empty()) {
      write(picture_file(figure.name), drawing.svg);
    } else if (problem_.empty()) {
      problem_ = drawing.installed
                     ? fmt::format("gnuplot could not draw {}; `gnuplot {}` in {} says why", script,
                                   script, path_.string())
                     : "figures were not drawn: gnuplot is missing (Debian package gnuplot-nox)";
    }
    outcome.pictures.push_back(drawing.svg);
  }
}

void LaboratoryFolder::write_report(const std::vector<ExperimentOutcome>& outcomes,
                                    const LabRequest& request) {
  write_file_atomically((path_ / "lab.json").string(), lab_json(outcomes));
  write_file_atomically((path_ / "index.html").string(), laboratory_page(outcomes, request));
}

std::string lab_json(const std::vector<ExperimentOutcome>& outcomes) {
  Json json = Json::array();
  for (const ExperimentOutcome& outcome : outcomes) json.push_back(to_json(outcome));
  return io::readable(json);
}

std::string laboratory_page(const std::vector<ExperimentOutcome>& outcomes,
                            const LabRequest& request) {
  std::string html = fmt::format("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n{}</head>\n<body>\n",
                                 io::page_head);
  html += io::page_introduction;
  html += fmt::format("<p>Lodestone {}, seed {}, {} measurements.</p>\n", version, request.seed,
                      request.quick ? "quick" : "full");
  if (request.broken) {
    html +=
        "<p class=\"broken\">This run took each statement's assumption away on purpose: each "
        "should "
        "fail.</p>\n";
  }
  html +=
      "<table>\n<tr><th>statement</th><th>what was measured</th><th>measured</th>"
      "<th>bound</th><th></th></tr>\n";
  for (const ExperimentOutcome& outcome : outcomes) {
    const Check& check = outcome.result.checks.front();
    html += fmt::format(
        "<tr><td><a "
        "href=\"#{}\">{}</a></td><td>{}</td><td>{:.4g}</td><td>{}</td><td>{}</td></tr>\n",
        outcome.experiment->id, escaped(outcome.experiment->title), escaped(check.quantity),
        check.measured, bound_in_words(check), badge(outcome.result.holds()));
  }
  html += "</table>\n";
  bool pictures = false;
  for (const ExperimentOutcome& outcome : outcomes) {
    html += section(outcome, request.broken);
    for (const std::string& picture : outcome.pictures) pictures = pictures || !picture.empty();
  }
  if (!pictures) {
    html +=
        "<p>There are no pictures: gnuplot was not installed. With it, "
        "<code>gnuplot data/NAME.gp &gt; figures/NAME.svg</code> draws each.</p>\n";
  }
  return html + "</body>\n</html>\n";
}

}  // namespace lodestone
