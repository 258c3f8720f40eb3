#pragma once

#include <string>

#include "lodestone/io/runs/run_folder.hpp"
#include "lodestone/model/teacher.hpp"
#include "lodestone/runs/requests.hpp"
#include "lodestone/theory/teacher_certificate.hpp"

namespace lodestone {

/// certificate.json as text: what was asked for, the fields of the record, and the function η
/// itself (docs/math.md, 7.2): its order, directions w_j, weights α_j and tangents b_j.
std::string certificate_json_text(const CertificateRequest& request,
                                  const TeacherCertificate& found);

/// Writes teacher.json, certificate.json, and the picture of η where there is one: over the half
/// circle for a teacher in a plane, else against the angle to the nearest teacher. Returns what to
/// tell people about a picture that could not be drawn, or "". Throws FileError.
std::string write_certificate(const RunFolder& folder, const CertificateRequest& request,
                              const Teacher& teacher, const TeacherCertificate& found);

}  // namespace lodestone
