#include "lodestone/runs/certificate_files.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <vector>

#include "io/figure_files.hpp"
#include "io/json_record.hpp"
#include "io/json_text.hpp"
#include "lodestone/core/random.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/model/recovery.hpp"
#include "theory/certificate_span.hpp"

namespace lodestone {
namespace {

using Json = nlohmann::ordered_json;

// Enough dots to show the outline of η, few enough for a page.
constexpr Index dots = 2000;

std::vector<double> as_list(const Vector& vector) { return {vector.begin(), vector.end()}; }

Json as_lists(const Matrix& matrix) {
  Json rows = Json::array();
  for (Index i = 0; i < matrix.rows(); ++i) rows.push_back(as_list(matrix.row(i)));
  return rows;
}

double nearest_deg(const Matrix& directions, const Vector& u) {
  double nearest = 90.0;
  for (Index j = 0; j < directions.rows(); ++j) {
    nearest = std::min(nearest, angle_between_lines_deg(u, directions.row(j)));
  }
  return nearest;
}

// η in the unit directions from each teacher towards others, drawn at random where there are more
// than two dimensions, in the dimensions that η depends on.
DataTable eta_table(const DualCertificate& certificate, std::uint64_t seed) {
  DataTable table{"certificate",
                  {{"delta_deg", "δ, angle to the nearest teacher, degrees"}, {"eta", "η(u)"}},
                  {}};
  const Matrix& W = certificate.directions;
  const Index D = W.cols();
  const RandomStream stream(seed, "certificate picture");
  std::uint64_t next = 0;
  for (Index i = 0; i < dots; ++i) {
    const Eigen::RowVectorXd w = W.row(i % W.rows());
    Eigen::RowVectorXd towards(D);
    for (Index c = 0; c < D; ++c) towards[c] = stream.normal(next++);
    towards -= towards.dot(w) * w;
    towards.normalize();
    const double angle =
        0.5 * std::numbers::pi * (static_cast<double>(i) + 0.5) / static_cast<double>(dots);
    const Vector u = std::cos(angle) * w + std::sin(angle) * towards;
    table.rows.push_back({nearest_deg(W, u), certificate.value(u)});
  }
  return table;
}

DataTable circle_table(const DualCertificate& certificate) {
  DataTable table{"certificate",
                  {{"angle_deg", "direction u, degrees"},
                   {"delta_deg", "δ, angle to the nearest teacher, degrees"},
                   {"eta", "η(u)"}},
                  {}};
  for (int i = 0; i <= 720; ++i) {
    const double angle_deg = 0.25 * i;
    const double angle = angle_deg * std::numbers::pi / 180.0;
    const Vector u = Eigen::Vector2d(std::cos(angle), std::sin(angle));
    table.rows.push_back({angle_deg, nearest_deg(certificate.directions, u), certificate.value(u)});
  }
  return table;
}

// The teachers' directions on the half circle, with the signs of their amplitudes.
DataTable peaks_table(const TeacherCertificate& found) {
  DataTable table{"certificate-teachers",
                  {{"angle_deg", "direction of the teacher, degrees"}, {"eta", "η there"}},
                  {}};
  for (std::size_t j = 0; j < found.peaks.size(); ++j) {
    const auto w = found.certificate.directions.row(static_cast<Index>(j));
    const double angle_deg = std::atan2(w[1], w[0]) * 180.0 / std::numbers::pi;
    table.rows.push_back({angle_deg < 0.0 ? angle_deg + 180.0 : angle_deg, found.peaks[j].eta});
  }
  return table;
}

constexpr const char* bounds_in_gnuplot =
    R"gp(set ylabel "η(u)"
set yrange [-1.25:1.25]
set key outside top center horizontal
limit(delta) = 1 - rho * (delta * pi / 180) ** 2
)gp";

std::string caption(const TeacherCertificate& found) {
  return fmt::format(
      "The dual certificate of a teacher (order {}): 1 or -1 at its directions, and inside the "
      "dashed parabolas 1 - rho delta^2 elsewhere, rho = {:.4g}.",
      found.order, found.rho);
}

Figure circle_figure(const TeacherCertificate& found) {
  return {"certificate", caption(found),
          fmt::format(R"gp(rho = {}
set xlabel "direction u (degrees)"
set xrange [0:180]
set xtics 30
{}plot "data/certificate.csv" using "angle_deg":(limit(column("delta_deg"))) with lines lt 7 dt 2 lw 1.5 title "±(1 − ρδ²)", \
     "" using "angle_deg":(-limit(column("delta_deg"))) with lines lt 7 dt 2 lw 1.5 notitle, \
     "" using "angle_deg":"eta" with lines lt 1 lw 3 title "η", \
     "data/certificate-teachers.csv" using "angle_deg":"eta" with points lt 2 ps 1.2 title "teachers"
)gp",
                      found.rho, bounds_in_gnuplot)};
}

Figure angle_figure(const TeacherCertificate& found) {
  return {"certificate", caption(found),
          fmt::format(R"gp(rho = {}
set xlabel "angle δ to the nearest teacher (degrees)"
set xrange [0:90]
set xtics 15
{}plot "data/certificate.csv" using "delta_deg":"eta" with points lt 1 ps 0.3 title "η", \
     limit(x) with lines lt 7 dt 2 lw 1.5 title "±(1 − ρδ²)", \
     -limit(x) with lines lt 7 dt 2 lw 1.5 notitle
)gp",
                      found.rho, bounds_in_gnuplot)};
}

}  // namespace

std::string certificate_json_text(const CertificateRequest& request,
                                  const TeacherCertificate& found) {
  Json json = {{"command", "certificate"}, {"teacher", request.teacher}};
  json.update(io::json_of(found));
  if (found.rho_found_direction.size() > 0) {
    json["rho_found_direction"] = as_list(found.rho_found_direction);
  }
  if (found.order > 0) {
    json["function"] = {{"order", found.order},
                        {"directions", as_lists(found.certificate.directions)},
                        {"weights", as_list(found.certificate.amplitudes)},
                        {"tangents", as_lists(found.certificate.tangents)}};
  }
  return io::readable(json);
}

std::string write_certificate(const RunFolder& folder, const CertificateRequest& request,
                              const Teacher& teacher, const TeacherCertificate& found) {
  write_teacher(folder.file("teacher.json"), teacher);
  write_file_atomically(folder.file("certificate.json"), certificate_json_text(request, found));
  // With one input there is no direction beside the teacher's, and without η nothing to draw.
  if (found.order == 0 || found.inputs < 2) return "";
  if (found.inputs == 2) {
    return io::write_figures(folder.path(), {circle_table(found.certificate), peaks_table(found)},
                             {circle_figure(found)});
  }
  const DualCertificate in_span = theory::in_span(found.certificate).certificate;
  return io::write_figures(folder.path(), {eta_table(in_span, request.how.seed)},
                           {angle_figure(found)});
}

}  // namespace lodestone
