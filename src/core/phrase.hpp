#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "lodestone/core/message.hpp"

namespace lodestone {

/// Message::pattern with arguments of any type that fmt formats.
template <class... Arguments>
Message phrase(std::string_view pattern, const Arguments&... arguments) {
  return Message::pattern(pattern, {fmt::format("{}", arguments)...});
}

}  // namespace lodestone
