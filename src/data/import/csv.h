// Tables of text: RFC 4180 with any of , ; tab | between the fields, LF, CRLF or CR behind the rows, and a byte order
// mark or none in front.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace triage::data {

struct CsvRow {
  std::size_t line = 0;  // where it begins, from 1
  std::vector<std::string> fields;
};

// All rows but empty ones; the separator is the one that is most frequent in the first. Throws Error naming `origin`
// and the line: a quote that does not end, text behind one, no table at all, UTF-16.
std::vector<CsvRow> parse_csv(std::string_view text, const std::string& origin);

}  // namespace triage::data
