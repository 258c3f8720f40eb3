#pragma once

#include <optional>
#include <string>
#include <vector>

/// Lists of names in one text, as a flag takes them: separated by commas like a line of CSV, so
/// that a name with a comma stands in double quotes, and quotes inside it are doubled.
namespace lodestone::io {

/// A name as it stands in a list: quoted where it must be.
std::string quoted_name(const std::string& name);

std::string join_names(const std::vector<std::string>& names);

/// The names of a list without the blanks around them; nothing for an unclosed quote, text after a
/// closing one, or an empty name. An empty text is an empty list.
std::optional<std::vector<std::string>> split_names(const std::string& text);

}  // namespace lodestone::io
