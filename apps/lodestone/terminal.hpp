#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lodestone::app {

/// Columns of the terminal behind a file descriptor; 80 where it is none, or does not say.
std::size_t terminal_columns(int descriptor);

/// Columns for text on standard output: the environment's COLUMNS, else terminal_columns.
std::size_t text_columns();

/// Columns that UTF-8 text takes, each character one.
std::size_t columns_of(const std::string& text);

/// Lines of at most `columns` columns, broken between words. A longer word has a line of its own.
std::vector<std::string> wrapped(const std::string& text, std::size_t columns);

/// Progress on standard error, one line that rewrites itself. Draws nothing where standard error is
/// no terminal.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);

  /// Whether anything is drawn.
  bool shown() const { return shown_; }

  /// A bar for the share of the work that is done, and parts in order of importance. Nothing is
  /// wider than the terminal: the bar gets shorter first, then the last parts are left out.
  void draw(double share, const std::vector<std::string>& parts) const;

  /// Parts without a bar, where nobody knows how much work there is.
  void draw(const std::vector<std::string>& parts) const;

  /// Leaves a clean line.
  void clear() const;

 private:
  bool shown_;
};

}  // namespace lodestone::app
