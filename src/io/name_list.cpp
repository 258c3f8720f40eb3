#include "io/name_list.hpp"

#include <cstddef>

namespace lodestone::io {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

}  // namespace

std::string quoted_name(const std::string& name) {
  const bool plain = !name.empty() && name.find_first_of(",\"") == std::string::npos &&
                     !is_blank(name.front()) && !is_blank(name.back());
  if (plain) return name;
  std::string quoted = "\"";
  for (const char c : name) {
    quoted += c;
    if (c == '"') quoted += c;
  }
  return quoted + '"';
}

std::string join_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + quoted_name(name);
  return text;
}

std::optional<std::vector<std::string>> split_names(const std::string& text) {
  std::vector<std::string> names;
  std::size_t i = 0;
  const auto skip_blanks = [&] {
    while (i < text.size() && is_blank(text[i])) ++i;
  };
  skip_blanks();
  if (i == text.size()) return names;
  while (true) {
    std::string name;
    skip_blanks();
    if (i < text.size() && text[i] == '"') {
      for (++i;; ++i) {
        if (i == text.size()) return std::nullopt;
        if (text[i] == '"') {
          if (i + 1 == text.size() || text[i + 1] != '"') break;
          ++i;
        }
        name += text[i];
      }
      ++i;
      skip_blanks();
    } else {
      while (i < text.size() && text[i] != ',') name += text[i++];
      while (!name.empty() && is_blank(name.back())) name.pop_back();
    }
    if (name.empty() || (i < text.size() && text[i] != ',')) return std::nullopt;
    names.push_back(std::move(name));
    if (i == text.size()) return names;
    ++i;
  }
}

}  // namespace lodestone::io
