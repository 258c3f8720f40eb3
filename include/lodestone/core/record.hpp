#pragma once

#include <concepts>
#include <type_traits>

namespace lodestone {

/// A record names its fields once, beside its definition: visit_fields(record, visitor) calls
/// visitor(name, field) for each of them, in their order in files. JSON, tables and Python's
/// dictionaries are made from that.
template <class Type, class Record>
concept RecordOf = std::same_as<std::remove_const_t<Type>, Record>;

}  // namespace lodestone
