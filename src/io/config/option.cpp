#include "lodestone/io/config/option.hpp"

#include "io/config/option_makers.hpp"
#include "io/name_list.hpp"

namespace lodestone {

std::string list_text(const std::vector<std::string>& items) { return io::join_names(items); }

Option flag_option(const std::string& name, const std::string& help, bool& field) {
  Option option{name, Option::Kind::flag, "", help, {}, {}};
  option.set = [name, &field](const std::string& text) {
    if (text != "true" && text != "false") {
      throw InvalidArgument(name, "'" + text + "'", "must be true or false");
    }
    field = text == "true";
  };
  option.get = [&field] { return std::string(field ? "true" : ""); };
  return option;
}

namespace io {

Option number_or_auto(std::string name, std::string help, double& field) {
  Option option{name, Option::Kind::text, "X|auto", std::move(help), {}, {}};
  option.set = [name, &field](const std::string& text) {
    field = text == "auto" ? 0.0 : parse<double>(name, text);
    if (text != "auto" && !(field > 0.0)) {
      throw InvalidArgument(name, "'" + text + "'", "must be positive, or auto");
    }
  };
  option.get = [&field] { return field == 0.0 ? std::string("auto") : fmt::format("{}", field); };
  return option;
}

Option positive_or_auto(std::string name, std::string help, std::optional<double>& field) {
  Option option{name, Option::Kind::text, "X|auto", std::move(help), {}, {}};
  option.set = [name, &field](const std::string& text) {
    double value = 0.0;
    number_or_auto(name, "", value).set(text);
    field = value == 0.0 ? std::nullopt : std::optional(value);
  };
  option.get = [&field] { return field ? fmt::format("{}", *field) : std::string("auto"); };
  return option;
}

Option text(std::string name, std::string value, std::string help, std::string& field) {
  Option option{std::move(name), Option::Kind::text, std::move(value), std::move(help), {}, {}};
  option.set = [&field](const std::string& given) { field = given; };
  option.get = [&field] { return field; };
  return option;
}

Option names(std::string name, std::string value, std::string help,
             std::vector<std::string>& field) {
  Option option{name, Option::Kind::list, std::move(value), std::move(help), {}, {}};
  option.set = [name, &field](const std::string& given) {
    auto list = split_names(given);
    if (!list) {
      throw InvalidArgument(name, "'" + given + "'",
                            "must be names separated by commas; a name with a comma or a quote "
                            "stands in double quotes, and quotes inside it are doubled");
    }
    field = std::move(*list);
  };
  option.get = [&field] { return join_names(field); };
  return option;
}

}  // namespace io
}  // namespace lodestone
