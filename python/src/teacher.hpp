#pragma once

#include "arrays.hpp"
#include "lodestone/model/teacher.hpp"

namespace lodestone::python {

/// A teacher from its arrays, unit length and all: see checked_teacher, which it throws as.
Teacher to_teacher(const MatrixIn& directions, const VectorIn& amplitudes);

}  // namespace lodestone::python
