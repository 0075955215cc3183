// HTML pieces. Text becomes markup only through escape(); Table escapes every cell.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace triage::report {

std::string escape(std::string_view text);  // & < > " ' and control characters
std::string base64(std::string_view bytes);

struct Cell {
  std::string text;         // not yet escaped
  std::string color, tint;  // CSS colours of a dot before the text and of the background; may be empty
  bool bold = false;
};

// First column left, the others right-aligned.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  void row(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  std::string html(const std::string& css_class = {}) const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace triage::report
