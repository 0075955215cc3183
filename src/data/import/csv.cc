#include "data/import/csv.h"

#include <algorithm>
#include <array>

#include "core/error.h"

namespace triage::data {
namespace {

constexpr std::string_view kSeparators = ",;\t|";

// The separator outside quotes that the first row has most of; a comma where it has none.
char guess_separator(std::string_view text) {
  std::array<std::size_t, kSeparators.size()> counts{};
  bool quoted = false, any = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if ((c == '\n' || c == '\r') && any) break;
    any = any || (c != '\n' && c != '\r');
    if (const std::size_t at = kSeparators.find(c); at != std::string_view::npos) ++counts[at];
  }
  return kSeparators[static_cast<std::size_t>(std::ranges::max_element(counts) - counts.begin())];
}

class Parser {
 public:
  Parser(std::string_view text, char separator, const std::string& origin)
      : text_(text), separator_(separator), origin_(origin) {}

  std::vector<CsvRow> rows() {
    std::vector<CsvRow> rows;
    while (at_ < text_.size()) {
      CsvRow row = this->row();
      const bool empty = row.fields.size() == 1 && row.fields[0].empty();
      if (!empty) rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  CsvRow row() {
    CsvRow row{line_, {}};
    while (true) {
      row.fields.push_back(at_ < text_.size() && text_[at_] == '"' ? quoted() : plain());
      if (at_ == text_.size()) return row;
      const char c = text_[at_++];
      if (c == separator_) continue;
      if (c == '\r' && at_ < text_.size() && text_[at_] == '\n') ++at_;
      ++line_;
      return row;
    }
  }

  bool ends_field(char c) const { return c == separator_ || c == '\n' || c == '\r'; }

  std::string plain() {
    const std::size_t first = at_;
    while (at_ < text_.size() && !ends_field(text_[at_])) ++at_;
    std::string_view field = text_.substr(first, at_ - first);
    while (field.starts_with(' ')) field.remove_prefix(1);
    while (field.ends_with(' ')) field.remove_suffix(1);
    return std::string(field);
  }

  std::string quoted() {
    const std::size_t first_line = line_;
    std::string field;
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        if (at_ < text_.size() && text_[at_] == '"') {
          field += '"';
          continue;
        }
        while (at_ < text_.size() && text_[at_] == ' ') ++at_;
        if (at_ < text_.size() && !ends_field(text_[at_])) {
          fail("{}:{}: expected the end of a field behind its quote, found '{}'", origin_, line_, text_[at_]);
        }
        return field;
      }
      if (c == '\n') ++line_;
      field += c;
    }
    fail("{}:{}: expected a quote at the end of the field, found the end of the file", origin_, first_line);
  }

  std::string_view text_;
  char separator_;
  const std::string& origin_;
  std::size_t at_ = 0, line_ = 1;
};

}  // namespace

std::vector<CsvRow> parse_csv(std::string_view text, const std::string& origin) {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    fail("{}: expected UTF-8 or another encoding of single bytes, found UTF-16; save it as UTF-8", origin);
  }
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (text.find('\0') != std::string_view::npos) fail("{}: expected a table of text, found zero bytes", origin);
  std::vector<CsvRow> rows = Parser(text, guess_separator(text), origin).rows();
  if (rows.empty()) fail("{}: expected rows of fields, found none", origin);
  return rows;
}

}  // namespace triage::data
