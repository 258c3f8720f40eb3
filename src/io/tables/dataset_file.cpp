#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <string_view>
#include <utility>

#include "core/in_place.hpp"
#include "core/phrase.hpp"
#include "io/name_list.hpp"
#include "io/tables/formats.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/nearest_name.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/table.hpp"

namespace lodestone {
namespace {

using io::DataFile;
using io::OddCells;
using io::RawTable;
using io::shown;
using io::TextColumn;
using io::Wanted;

constexpr std::size_t most_encoded_values = 100;  // of an encoded column
constexpr std::size_t most_classes = 100;         // of a target

std::optional<Index> column_number(const std::string& text) {
  Index value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string list_names(const std::vector<std::string>& names) {
  std::string list;
  for (std::size_t j = 0; j < names.size(); ++j) {
    if (j == 12) return list + fmt::format(", ... ({} in all)", names.size());
    list += (j == 0 ? "" : ", ") + io::quoted_name(names[j]);
  }
  return list;
}

TableOptions table_options(const DataSource& source) {
  TableOptions options;
  options.delimiter = source.delimiter;
  return options;
}

std::string encoded_name(const std::string& column, const std::string& value) {
  return column + "=" + value;
}

/// A data file on its way to a data set: first it is settled which column is what, then which rows
/// are complete, then the numbers are put together.
class DatasetReader {
 public:
  explicit DatasetReader(const DataSource& source)
      : source_(source),
        file_(source.file, table_options(source)),
        table_(file_.read(Wanted::table)),
        kept_(static_cast<std::size_t>(table_.values.rows()), true) {}

  /// A data set with all that the file offers.
  Dataset read() {
    imputes_ = source_.missing == Missing::indicator;
    find_target();
    find_weights();
    find_offset();
    find_groups();
    find_inputs();
    for (const Index column : inputs_) {
      if (odd(column).text.count > 0) texts_.push_back({column, {}});
    }
    settle_rows();
    make_encodings();
    if (imputes_) make_imputations();
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const Index column = inputs_[i];
      if (const Encoding* encoding = encoding_of(column)) {
        for (const std::string& value : encoding->values) {
          layout_.push_back({encoded_name(name(column), value), column});
        }
      } else {
        layout_.push_back({name(column), column});
      }
      if (imputes_ && data_.imputations[i].has_indicator) {
        layout_.push_back({data_.imputations[i].indicator(), column, true});
      }
    }
    for (const Input& input : layout_) data_.columns.push_back(input.name);
    refuse_equal_names();
    Dataset data = assembled();
    settle_means(data);
    return data;
  }

  /// A data set with the given inputs. The target may be missing where it is optional.
  Dataset read(const std::vector<std::string>& columns, const std::vector<Encoding>& encodings,
               const std::vector<std::string>& classes, const std::vector<Imputation>& imputations,
               bool target_is_optional) {
    if (target_is_optional) {
      find_optional_target();
    } else {
      find_target();
    }
    find_weights();
    find_offset();
    // Only an array needs them: they are among its columns.
    if (!table_.has_names) find_groups();
    in_training_ = false;
    data_.columns = columns;
    data_.encodings = encodings;
    data_.classes = classes;
    data_.imputations = imputations;
    imputes_ = !imputations.empty() && source_.missing != Missing::drop;
    if (table_.has_names) {
      find_inputs_by_name();
    } else {
      find_inputs_by_position();
    }
    settle_rows();
    if (imputes_) warn_of_new_gaps();
    return assembled();
  }

 private:
  /// One column of X.
  struct Input {
    std::string name;
    Index column;               ///< of the file
    bool is_indicator = false;  ///< it tells where the column's values are missing
  };

  /// A column of the file that is read as text; the i-th has the i-th encoding.
  struct Text {
    Index column;
    TextColumn cells;
  };

  const std::string& name(Index column) const {
    return table_.names[static_cast<std::size_t>(column)];
  }
  const OddCells& odd(Index column) const { return table_.odd[static_cast<std::size_t>(column)]; }
  Index rows() const { return table_.values.rows(); }

  std::optional<Index> named(const std::string& text) const {
    const auto found = std::find(table_.names.begin(), table_.names.end(), text);
    if (found == table_.names.end()) return std::nullopt;
    return found - table_.names.begin();
  }

  /// The column that an option means, by name or else by number.
  std::optional<Index> find(const std::string& option, const std::string& text) const {
    if (const auto column = named(text)) return column;
    const auto number = column_number(text);
    if (number && (*number < 0 || *number >= table_.values.cols())) {
      throw InvalidArgument(option, text,
                            fmt::format("column numbers of {} go from 0 to {}", file_.name(),
                                        table_.values.cols() - 1));
    }
    return number;
  }

  [[noreturn]] void fail_absent(const std::string& option, const std::string& text) const {
    const std::string nearest = nearest_name(text, {table_.names.begin(), table_.names.end()});
    throw InvalidArgument(
        option, text.empty() ? "nothing" : fmt::format("'{}'", text),
        fmt::format("no such column in {}{}; its columns are {}", file_.name(),
                    nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest),
                    list_names(table_.names)));
  }

  bool is_target(Index column) const {
    return column == target_ ||
           std::find(more_targets_.begin(), more_targets_.end(), column) != more_targets_.end();
  }

  /// What a column is that is no input; empty for one that may be.
  std::string part_of(Index column) const {
    if (is_target(column)) return "is the target";
    if (column == weights_) return "holds the weights";
    if (column == offset_) return "holds the offset";
    return column == groups_ ? "holds the groups" : "";
  }

  /// A column that an option takes for a part that no other option has given it.
  Index find_own(const std::string& option, const std::string& text) {
    const auto column = find(option, text);
    if (!column) fail_absent(option, text);
    if (const std::string part = part_of(*column); !part.empty()) {
      throw InvalidArgument(option, shown(text), part + "; name another column");
    }
    used_.push_back(*column);
    return *column;
  }

  void find_target() {
    const std::string& text = source_.target;
    if (find_several_targets()) return;
    target_ = find("target", text);
    if (target_) {
      if (table_.values.cols() < 2) {
        throw FileError(file_.name(),
                        "has one column only; a target and at least one input are needed");
      }
      data_.target = name(*target_);
      used_.push_back(*target_);
      return;
    }
    // A second file, or an array of an NPZ file as FILE.npz:NAME.
    const std::string file = text.substr(0, text.rfind(':'));
    if (text.empty() ||
        !(std::filesystem::is_regular_file(text) || std::filesystem::is_regular_file(file))) {
      fail_absent("target", text);
    }
    second_ = DataFile(text).read(Wanted::vector);
    data_.target = "target";
    if (second_->values.size() != rows()) {
      throw FileError(text, fmt::format("holds {} values, but {} has {} rows",
                                        second_->values.size(), file_.name(), rows()));
    }
  }

  /// A list of names, where no column has all of it for its name.
  bool find_several_targets() {
    if (named(source_.target)) return false;
    const auto names = io::split_names(source_.target);
    if (!names || names->size() < 2) return false;
    std::vector<std::string> targets;
    for (const std::string& text : *names) {
      const Index column = find_own("target", text);
      targets.push_back(name(column));
      if (target_) {
        more_targets_.push_back(column);
      } else {
        target_ = column;
      }
    }
    data_.target = io::join_names(targets);
    data_.targets = std::move(targets);
    return true;
  }

  /// In an array all columns are inputs. Of several targets all must be there.
  void find_optional_target() {
    data_.target = source_.target;
    optional_target_ = true;
    if (!table_.has_names || source_.target.empty()) return;
    target_ = named(source_.target);
    if (target_) return;
    const auto names = io::split_names(source_.target);
    if (!names || names->size() < 2) return;
    const bool complete = std::all_of(names->begin(), names->end(), [&](const std::string& name) {
      return named(name).has_value();
    });
    if (complete) find_several_targets();
  }

  void find_weights() {
    if (source_.weights.empty()) return;
    weights_ = find_own("weights", source_.weights);
    data_.weights_column = name(*weights_);
  }

  void find_offset() {
    if (source_.offset.empty()) return;
    offset_ = find_own("offset", source_.offset);
    data_.offset_column = name(*offset_);
  }

  void find_groups() {
    if (source_.groups.empty()) return;
    groups_ = find_own("groups", source_.groups);
    data_.groups_column = name(*groups_);
  }

  /// All columns that have no other part and are not excluded.
  void find_inputs() {
    std::vector<bool> is_input(table_.names.size(), true);
    for (const Index column : used_) is_input[static_cast<std::size_t>(column)] = false;
    for (const std::string& text : source_.exclude) {
      const auto column = find("exclude", text);
      if (!column) fail_absent("exclude", text);
      if (const std::string part = part_of(*column); !part.empty()) {
        throw InvalidArgument("exclude", shown(text), part);
      }
      is_input[static_cast<std::size_t>(*column)] = false;
    }
    for (const Index column : table_.all_columns()) {
      if (is_input[static_cast<std::size_t>(column)]) inputs_.push_back(column);
    }
    if (inputs_.empty()) {
      throw FileError(file_.name(), "no input is left of its columns; exclude fewer");
    }
    used_.insert(used_.end(), inputs_.begin(), inputs_.end());
  }

  /// A column of X by its name: which column of the table it is made of.
  struct Source {
    std::string column;
    bool is_indicator = false;
  };

  /// Those of 0/1 columns; another column of X is made of the table's column of its name.
  std::map<std::string, Source> sources() const {
    const std::set<std::string> columns(data_.columns.begin(), data_.columns.end());
    const auto require = [&](const char* kind, const std::string& column, const std::string& name) {
      if (columns.count(name) > 0) return;
      throw InvalidArgument(kind, shown(column), shown(name) + " is not among the columns");
    };
    std::map<std::string, Source> sources;
    for (const Encoding& encoding : data_.encodings) {
      for (const std::string& value : encoding.values) {
        const std::string name = encoded_name(encoding.column, value);
        require("encodings", encoding.column, name);
        sources[name] = {encoding.column};
      }
    }
    for (const Imputation& imputation : data_.imputations) {
      if (imputation.mean) require("imputations", imputation.column, imputation.column);
      if (!imputation.has_indicator) continue;
      require("imputations", imputation.column, imputation.indicator());
      sources[imputation.indicator()] = {imputation.column, true};
    }
    return sources;
  }

  void find_inputs_by_name() {
    const auto column_of = [&](const std::string& wanted) {
      const auto column = named(wanted);
      if (!column) {
        throw FileError(file_.name(),
                        fmt::format("has no column {}, which the training data has{}",
                                    shown(wanted), did_you_mean(wanted, table_.names)));
      }
      return *column;
    };
    const std::map<std::string, Source> sources = this->sources();
    for (const std::string& wanted : data_.columns) {
      const auto found = sources.find(wanted);
      const Source source = found == sources.end() ? Source{wanted} : found->second;
      layout_.push_back({wanted, column_of(source.column), source.is_indicator});
      if (found == sources.end()) inputs_.push_back(layout_.back().column);
    }
    for (const Encoding& encoding : data_.encodings) {
      texts_.push_back({column_of(encoding.column), {}});
      inputs_.push_back(texts_.back().column);
    }
    used_.insert(used_.end(), inputs_.begin(), inputs_.end());
  }

  void find_inputs_by_position() {
    if (!data_.encodings.empty()) {
      throw FileError(file_.name(),
                      fmt::format("an array has no text, but column {} of the training data does; "
                                  "give a CSV file",
                                  shown(data_.encodings.front().column)));
    }
    find_inputs();
    const std::map<std::string, Source> sources = this->sources();
    const std::size_t count = data_.columns.size() - sources.size();
    if (inputs_.size() != count) {
      throw FileError(file_.name(), fmt::format("has {} columns of inputs, the training data has "
                                                "{}; give the same columns in the same order",
                                                inputs_.size(), count));
    }
    auto next = inputs_.begin();
    std::map<std::string, Index> column_of;
    for (const std::string& wanted : data_.columns) {
      if (sources.count(wanted) == 0) column_of[wanted] = *next++;
    }
    for (const std::string& wanted : data_.columns) {
      const auto found = sources.find(wanted);
      if (found == sources.end()) {
        layout_.push_back({wanted, column_of.at(wanted)});
      } else {
        layout_.push_back({wanted, column_of.at(found->second.column), true});
      }
    }
  }

  /// Of an input that is read as text; nullptr for any other column.
  const Text* text_of(Index column) const {
    const auto found = std::find_if(texts_.begin(), texts_.end(),
                                    [&](const Text& text) { return text.column == column; });
    return found == texts_.end() ? nullptr : &*found;
  }
  bool is_text(Index column) const { return text_of(column) != nullptr; }

  const Encoding* encoding_of(Index column) const {
    const Text* text = text_of(column);
    if (text == nullptr) return nullptr;
    return &data_.encodings[static_cast<std::size_t>(text - texts_.data())];
  }

  /// Of each row, whether its cell is missing.
  std::vector<bool> gaps(Index column) const {
    std::vector<bool> missing(static_cast<std::size_t>(rows()), false);
    const Text* text = text_of(column);
    if (text == nullptr && odd(column).missing.count == 0) return missing;
    for (std::size_t row = 0; row < missing.size(); ++row) {
      missing[row] = text == nullptr ? std::isnan(table_.values(static_cast<Index>(row), column))
                                     : text->cells.codes[row] < 0;
    }
    return missing;
  }

  /// The option and NAME for a shell, or with the column's number where the name is unwieldy.
  Message exclusion(Index column) const {
    const std::string text = io::quoted_name(name(column));
    const auto simple = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
             std::string_view("_-.:/%@+=").find(c) != std::string_view::npos;
    };
    const auto unwieldy = [](char c) { return c == '\'' || (c >= 0 && c < 0x20) || c == 0x7F; };
    if (!table_.has_names || text.size() > 40 || std::any_of(text.begin(), text.end(), unwieldy)) {
      return phrase("{exclude} {}", column);
    }
    if (std::all_of(text.begin(), text.end(), simple)) return phrase("{exclude} {}", text);
    return phrase("{exclude} '{}'", text);
  }

  /// Once the columns are known: which rows can be used.
  void settle_rows() {
    find_text_target();
    refuse_text();
    refuse_unusable();
    read_texts();
    leave_out_incomplete_rows();
    leave_out_weightless_rows();
    settle_classes();
  }

  /// Classes are read as text, also those that look like numbers.
  void find_text_target() {
    if (!target_ || !table_.has_names) return;
    const OddCells& cells = odd(*target_);
    target_is_text_ = in_training_
                          ? source_.text_classes && cells.text.count > 0 && cells.advice.empty()
                          : !data_.classes.empty();
  }

  /// Whether a column's cells are read as text, as inputs or not. Groups of an array are numbers.
  bool is_read_as_text(Index column) const {
    return is_text(column) || (table_.has_names && column == groups_) ||
           (target_is_text_ && column == target_);
  }

  void refuse_text() const {
    std::vector<Index> columns = inputs_;
    if (target_ && !optional_target_) {
      columns.push_back(*target_);
      columns.insert(columns.end(), more_targets_.begin(), more_targets_.end());
    }
    if (weights_) columns.push_back(*weights_);
    if (offset_) columns.push_back(*offset_);
    // A number written in another way is no category, whatever was asked for.
    const auto accepted = [&](Index column) {
      if (target_is_text_ && column == target_) return true;
      return is_text(column) && (!in_training_ || (source_.one_hot && odd(column).advice.empty()));
    };
    columns.erase(std::remove_if(columns.begin(), columns.end(), accepted), columns.end());
    const auto found = table_.first_odd(&OddCells::text, columns);
    if (!found) return;
    const auto [column, cell] = *found;
    const OddCells& cells = odd(column);
    const auto fail = [&](const Message& what) { table_.fail(*cell, column, what); };
    const std::string is_text_here = description(*cell);
    if (!cells.advice.empty()) fail(fmt::format("{}; {}", is_text_here, cells.advice));
    const std::string text = shown(cell->text);
    if (is_target(column)) {
      fail(
          phrase("is the target and holds text ({}); a target must be a number, unless {family} "
                 "logistic takes it for two classes, or softmax for more",
                 text));
    }
    if (column == weights_) {
      fail(fmt::format("holds the weights and has text ({}); a weight must be a number", text));
    }
    if (column == offset_) {
      fail(fmt::format("holds the offset and has text ({}); an offset must be a number", text));
    }
    if (!in_training_) {
      fail(fmt::format("{}, and was a column of numbers in training", is_text_here));
    }
    const Index numbers = rows() - cells.text.count - cells.missing.count - cells.infinite.count;
    if (cells.text.count < numbers) {
      fail(phrase("{} (so in {} of {} rows); correct it, or use {categories} one-hot to make "
                  "0/1 columns of this column, or ",
                  is_text_here, cells.text.count, rows()) +
           exclusion(column) + " to leave it out");
    }
    fail(phrase("holds text ({}); {categories} one-hot turns such columns into 0/1 columns, ",
                text) +
         exclusion(column) + " leaves it out");
  }

  /// Infinities, and a target in a second file that holds text.
  void refuse_unusable() const {
    const auto refuse = [](const RawTable& table, OddCells::Group OddCells::*group,
                           const std::vector<Index>& columns, const char* rule) {
      const auto found = table.first_odd(group, columns);
      if (found) {
        table.fail(*found->cell, found->column,
                   fmt::format("{}; {}", description(*found->cell), rule));
      }
    };
    constexpr const char* finite = "numbers must be finite; correct it or remove the row";
    std::vector<Index> numbers = used_;
    numbers.erase(std::remove_if(numbers.begin(), numbers.end(),
                                 [&](Index column) { return is_read_as_text(column); }),
                  numbers.end());
    refuse(table_, &OddCells::infinite, numbers, finite);
    if (!second_) return;
    refuse(*second_, &OddCells::text, second_->all_columns(), "a target must be a number");
    refuse(*second_, &OddCells::infinite, second_->all_columns(), finite);
  }

  void read_texts() {
    std::vector<Index> columns;
    for (const Text& text : texts_) columns.push_back(text.column);
    if (target_is_text_) columns.push_back(*target_);
    const bool groups_are_text = groups_ && table_.has_names;
    if (groups_are_text) columns.push_back(*groups_);
    if (columns.empty()) return;
    std::vector<TextColumn> cells = file_.read_text(columns);
    if (groups_are_text) {
      put_codes(*groups_, cells.back());
      cells.pop_back();
    }
    if (target_is_text_) {
      put_codes(*target_, cells.back());
      target_texts_ = std::move(cells.back().values);
    }
    for (std::size_t i = 0; i < texts_.size(); ++i) texts_[i].cells = std::move(cells[i]);
  }

  /// In the place of a column's numbers: which of its texts a cell holds, NaN where it is missing.
  void put_codes(Index column, const TextColumn& cells) {
    for (Index row = 0; row < rows(); ++row) {
      const Index code = cells.codes[static_cast<std::size_t>(row)];
      table_.values(row, column) =
          code < 0 ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(code);
    }
  }

  /// In the place of the codes of a target's texts: the classes 0 and 1.
  void settle_classes() {
    if (!target_is_text_) return;
    if (in_training_) find_classes();
    std::vector<double> class_of;  // of each text; NaN where it is none
    for (const std::string& text : target_texts_) {
      const auto found = std::find(data_.classes.begin(), data_.classes.end(), text);
      class_of.push_back(found == data_.classes.end()
                             ? std::numeric_limits<double>::quiet_NaN()
                             : static_cast<double>(found - data_.classes.begin()));
    }
    for (Index row = 0; row < rows(); ++row) {
      double& value = table_.values(row, *target_);
      if (std::isnan(value) || !kept_[static_cast<std::size_t>(row)]) continue;
      const auto text = static_cast<std::size_t>(value);
      value = class_of[text];
      if (!std::isnan(value)) continue;
      const long line = table_.lines.empty() ? 0 : table_.lines[static_cast<std::size_t>(row)];
      table_.fail({io::OddKind::text, row, line, {}}, *target_,
                  fmt::format("is {}, and the classes of the training data are {}",
                              shown(target_texts_[text]), list_classes(data_.classes)));
    }
  }

  static std::string list_classes(const std::vector<std::string>& classes) {
    constexpr std::size_t most = 5;
    std::string list;
    for (std::size_t i = 0; i < classes.size() && i < most; ++i) {
      list += (i == 0 ? "" : i + 1 == classes.size() ? " and " : ", ") + shown(classes[i]);
    }
    return classes.size() > most ? list + ", ..." : list;
  }

  /// The texts of the kept rows in the order of their bytes.
  void find_classes() {
    std::vector<bool> seen(target_texts_.size(), false);
    for (Index row = 0; row < rows(); ++row) {
      if (!kept_[static_cast<std::size_t>(row)]) continue;
      seen[static_cast<std::size_t>(table_.values(row, *target_))] = true;
    }
    for (std::size_t i = 0; i < seen.size(); ++i) {
      if (seen[i]) data_.classes.push_back(target_texts_[i]);
    }
    std::sort(data_.classes.begin(), data_.classes.end());
    const std::size_t count = data_.classes.size();
    if (count == 2 || (source_.several_classes && count > 2 && count <= most_classes)) return;
    const auto fail = [&](const Message& what) {
      table_.fail(odd(*target_).text.first, *target_, what);
    };
    if (count == 1) {
      fail(fmt::format("is the target and holds one class only, {}; it must hold two",
                       list_classes(data_.classes)));
    }
    if (source_.several_classes) {
      fail(fmt::format("is the target and holds {} classes ({}); at most {} are possible", count,
                       list_classes(data_.classes), most_classes));
    }
    fail(
        phrase("is the target and holds {} classes ({}); it must hold two, or {family} softmax "
               "takes more",
               count, list_classes(data_.classes)));
  }

  void leave_out_incomplete_rows() {
    const Index all = rows();
    // Inputs are the last of the columns in use.
    const auto inputs = static_cast<std::ptrdiff_t>(imputes_ ? inputs_.size() : 0);
    const std::vector<Index> needed(used_.begin(), used_.end() - inputs);
    for (const Index column : needed) {
      const std::vector<bool> missing = gaps(column);
      for (std::size_t row = 0; row < kept_.size(); ++row) {
        if (missing[row]) kept_[row] = false;
      }
    }
    if (second_) {
      for (std::size_t row = 0; row < kept_.size(); ++row) {
        if (std::isnan(second_->values.data()[row])) kept_[row] = false;
      }
    }
    data_.dropped_rows = std::count(kept_.begin(), kept_.end(), false);
    if (data_.dropped_rows == 0) return;
    if (source_.missing != Missing::drop) {
      if (const auto found = table_.first_odd(&OddCells::missing, needed)) {
        table_.fail(*found->cell, found->column,
                    description(*found->cell) + advice_on_missing(found->column));
      }
      const auto found = second_->first_odd(&OddCells::missing, second_->all_columns());
      second_->fail(*found->cell, found->column,
                    description(*found->cell) + advice_on_missing(std::nullopt));
    }
    if (data_.dropped_rows == all) {
      Message what =
          Message::pattern("every row has a missing value, so {missing} drop leaves none");
      const Index worst =
          *std::max_element(inputs_.begin(), inputs_.end(), [&](Index first, Index second) {
            return odd(first).missing.count < odd(second).missing.count;
          });
      if (in_training_ && odd(worst).missing.count > 0) {
        what += phrase("; column {} has most ({} of {}), and ", shown(name(worst)),
                       odd(worst).missing.count, all) +
                exclusion(worst) + " would leave it out";
      }
      throw FileError(file_.name(), what);
    }
  }

  /// What helps against a missing value in a column, or in the second file.
  Message advice_on_missing(std::optional<Index> column) const {
    const bool is_input = !column || part_of(*column).empty();
    if (optional_target_) {
      return is_input ? phrase("; fill it, or train with {missing} indicator")
                      : phrase("; fill it: every row needs a value there");
    }
    const Message drop =
        phrase("; {missing} drop leaves out such rows ({} of {})", data_.dropped_rows, rows());
    return column && is_input ? drop + phrase(", {missing} indicator keeps them") : drop;
  }

  void leave_out_weightless_rows() {
    if (!weights_) return;
    bool any = false;
    for (Index row = 0; row < rows(); ++row) {
      if (!kept_[static_cast<std::size_t>(row)]) continue;
      const double weight = table_.values(row, *weights_);
      if (weight < 0.0) {
        const long line = table_.lines.empty() ? 0 : table_.lines[static_cast<std::size_t>(row)];
        table_.fail({io::OddKind::text, row, line, {}}, *weights_,
                    fmt::format("holds the weight {}; weights must be 0 or positive", weight));
      }
      kept_[static_cast<std::size_t>(row)] = weight > 0.0;
      any = any || weight > 0.0;
    }
    if (!any) {
      throw FileError(file_.name(), fmt::format("all weights in column {} are 0; at least one row "
                                                "must have weight",
                                                shown(name(*weights_))));
    }
  }

  /// One for each text column: the values of the kept rows, sorted.
  void make_encodings() {
    for (const Text& text : texts_) {
      const std::vector<std::string>& values = text.cells.values;
      std::vector<bool> seen(values.size(), false);
      for (std::size_t row = 0; row < kept_.size(); ++row) {
        const Index code = text.cells.codes[row];
        if (kept_[row] && code >= 0) seen[static_cast<std::size_t>(code)] = true;
      }
      Encoding encoding{name(text.column), {}};
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (seen[i]) encoding.values.push_back(values[i]);
      }
      if (encoding.values.size() > most_encoded_values) {
        throw FileError(
            file_.name(),
            phrase("column {} holds {} different texts, and at most {} become 0/1 "
                   "columns; is it a name of each row? ",
                   shown(name(text.column)), encoding.values.size(), most_encoded_values) +
                exclusion(text.column) + " leaves it out");
      }
      std::sort(encoding.values.begin(), encoding.values.end());
      data_.encodings.push_back(std::move(encoding));
    }
  }

  /// One for each input, by the kept rows. Means follow when the numbers are put together.
  void make_imputations() {
    const Index kept = std::count(kept_.begin(), kept_.end(), true);
    for (const Index column : inputs_) {
      const Index missing = kept_gaps(column);
      if (missing == kept) {
        throw FileError(file_.name(),
                        phrase("column {} has no value in any row; ", shown(name(column))) +
                            exclusion(column) + " leaves it out");
      }
      Imputation imputation{name(column), {}, missing > 0};
      if (!is_text(column)) imputation.mean = 0.0;
      data_.imputations.push_back(std::move(imputation));
    }
  }

  /// The number of kept rows whose cell is missing.
  Index kept_gaps(Index column) const {
    const std::vector<bool> missing = gaps(column);
    Index count = 0;
    for (std::size_t row = 0; row < kept_.size(); ++row) {
      if (kept_[row] && missing[row]) ++count;
    }
    return count;
  }

  /// Missing values of columns that have no indicator.
  void warn_of_new_gaps() {
    std::map<std::string, Index> columns;  // of the file, by their names in training
    for (const Input& input : layout_) columns.emplace(input.name, input.column);
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      columns.emplace(data_.encodings[i].column, texts_[i].column);
    }
    for (const Imputation& imputation : data_.imputations) {
      if (imputation.has_indicator || kept_gaps(columns.at(imputation.column)) == 0) continue;
      data_.warnings.push_back(
          {"new_missing_values",
           phrase("{}: column {} has missing values and had none in training; {}", file_.name(),
                  shown(imputation.column),
                  imputation.mean ? "its mean stands in" : "its 0/1 columns are all 0 there")});
    }
  }

  void refuse_equal_names() const {
    std::vector<std::string> names = data_.columns;
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) {
      throw FileError(
          file_.name(),
          phrase("{categories} or {missing} gives two columns the name {}; rename a column",
                 shown(*twice)));
    }
  }

  Dataset assembled() {
    std::vector<Index> rows;
    for (std::size_t row = 0; row < kept_.size(); ++row) {
      if (kept_[row]) rows.push_back(static_cast<Index>(row));
    }
    if (target_) data_.y = table_.values.col(*target_)(rows);
    if (!more_targets_.empty()) {
      data_.Y.resize(data_.y.size(), static_cast<Index>(more_targets_.size()) + 1);
      data_.Y.col(0) = data_.y;
      for (std::size_t k = 0; k < more_targets_.size(); ++k) {
        data_.Y.col(static_cast<Index>(k) + 1) = table_.values.col(more_targets_[k])(rows);
      }
    }
    if (second_) {
      const Eigen::Map<const Vector> target(second_->values.data(), second_->values.size());
      data_.y = target(rows);
    }
    if (optional_target_ && data_.y.array().isNaN().all()) data_.y.resize(0);
    if (groups_) number_groups(rows);
    if (weights_) data_.weights = table_.values.col(*weights_)(rows);
    if (offset_) data_.offset = table_.values.col(*offset_)(rows);
    if (texts_.empty() && in_file_order()) {
      // What is no input is squeezed out of the table: another one may not fit into memory.
      std::vector<Index> columns;
      for (const Input& input : layout_) columns.push_back(input.column);
      keep(table_.values, rows, columns);
      data_.X = std::move(table_.values);
    } else {
      put_together(rows);
    }
    return weighted_rows(std::move(data_));
  }

  /// Groups by the order in which they first appear.
  void number_groups(const std::vector<Index>& rows) {
    std::map<double, Index> numbers;
    for (const Index row : rows) {
      const double group = table_.values(row, *groups_);
      data_.groups.push_back(
          numbers.emplace(group, static_cast<Index>(numbers.size())).first->second);
    }
  }

  bool in_file_order() const {
    const auto misplaced = std::adjacent_find(
        layout_.begin(), layout_.end(),
        [](const Input& left, const Input& right) { return left.column >= right.column; });
    return misplaced == layout_.end();
  }

  /// X column by column: text as 0/1 columns, and the order of another file.
  void put_together(const std::vector<Index>& rows) {
    data_.X = Matrix::Zero(static_cast<Index>(rows.size()), static_cast<Index>(layout_.size()));
    std::map<std::string, Index> position;
    std::vector<std::pair<Index, Index>> numbers;  // columns of X and of the file
    for (std::size_t j = 0; j < layout_.size(); ++j) {
      const auto& [name, column, is_indicator] = layout_[j];
      position[name] = static_cast<Index>(j);
      if (is_indicator) {
        const std::vector<bool> missing = gaps(column);
        for (std::size_t t = 0; t < rows.size(); ++t) {
          if (missing[static_cast<std::size_t>(rows[t])]) {
            data_.X(static_cast<Index>(t), static_cast<Index>(j)) = 1.0;
          }
        }
      } else if (!is_text(column)) {
        numbers.emplace_back(static_cast<Index>(j), column);
      }
    }
    for (std::size_t t = 0; t < rows.size(); ++t) {
      for (const auto& [j, column] : numbers) {
        data_.X(static_cast<Index>(t), j) = table_.values(rows[t], column);
      }
    }
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      const Encoding& encoding = data_.encodings[i];
      const TextColumn& cells = texts_[i].cells;
      std::vector<Index> column_of;  // of X for each value in the file; -1 where it has none
      for (const std::string& value : cells.values) {
        const bool known = std::find(encoding.values.begin(), encoding.values.end(), value) !=
                           encoding.values.end();
        column_of.push_back(known ? position.at(encoded_name(encoding.column, value)) : -1);
      }
      for (std::size_t t = 0; t < rows.size(); ++t) {
        const Index code = cells.codes[static_cast<std::size_t>(rows[t])];
        if (code < 0) continue;
        const Index column = column_of[static_cast<std::size_t>(code)];
        if (column >= 0) {
          data_.X(static_cast<Index>(t), column) = 1.0;
        } else if (unseen_++ == 0) {
          first_unseen_ = fmt::format("{} in column {}, {}",
                                      shown(cells.values[static_cast<std::size_t>(code)]),
                                      shown(encoding.column), table_.place(rows[t]));
        }
      }
    }
    if (unseen_ > 0) {
      data_.warnings.push_back(
          {"unseen_values",
           phrase("{}: {} {} not in the training data (first: {}); the 0/1 columns are all 0 "
                  "there",
                  file_.name(), unseen_, unseen_ == 1 ? "value is" : "values are", first_unseen_)});
    }
  }

  const DataSource& source_;
  DataFile file_;
  RawTable table_;
  std::optional<RawTable> second_;  ///< with the target
  std::optional<Index> target_;
  std::vector<Index> more_targets_;  ///< of several, all but the first
  std::optional<Index> weights_;
  std::optional<Index> offset_;
  std::optional<Index> groups_;
  bool target_is_text_ = false;
  std::vector<std::string> target_texts_;  ///< the different ones, in the order of appearance
  bool optional_target_ = false;
  bool in_training_ = true;    ///< the inputs are this file's own
  bool imputes_ = false;       ///< rows keep missing values of inputs
  std::vector<Index> inputs_;  ///< columns of the file
  std::vector<Index> used_;    ///< inputs, weights, offset, groups, and a target that must be there
  std::vector<Text> texts_;
  std::vector<Input> layout_;
  std::vector<bool> kept_;  ///< a row
  Index unseen_ = 0;        ///< texts without a 0/1 column
  std::string first_unseen_;
  Dataset data_;
};

}  // namespace

Dataset read_dataset(const DataSource& source) { return DatasetReader(source).read(); }

Dataset read_dataset_like(const Dataset& data, const DataSource& source, const std::string& file) {
  const bool in_second_file = source.target != data.target && !column_number(source.target);
  if (in_second_file) {
    throw InvalidArgument("target", shown(source.target),
                          fmt::format("a second file holds no targets for {}; give tables with the "
                                      "target as a column",
                                      file));
  }
  DataSource like = source;
  like.file = file;
  // By name: the file may have its columns in another order.
  like.target = data.target;
  like.weights = data.weights_column;
  like.offset = data.offset_column;
  return DatasetReader(like).read(data.columns, data.encodings, data.classes, data.imputations,
                                  false);
}

Dataset read_inputs(const DataSource& source, const std::vector<std::string>& columns,
                    const std::vector<Encoding>& encodings, const std::vector<std::string>& classes,
                    const std::vector<Imputation>& imputations) {
  DataSource inputs = source;
  inputs.weights.clear();
  inputs.groups.clear();
  inputs.exclude.clear();
  Dataset data = DatasetReader(inputs).read(columns, encodings, classes, imputations, true);
  put_means(data);
  return data;
}

}  // namespace lodestone
