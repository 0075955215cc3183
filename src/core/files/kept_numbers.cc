#include "core/files/kept_numbers.h"

#include <charconv>
#include <format>
#include <sstream>

namespace triage {
namespace {

constexpr std::size_t kCheckDigits = 16;

std::string checked_line(const std::string& content) {
  return sha256_hex(content).substr(0, kCheckDigits) + ' ' + content;
}

// Of lines that are whole.
std::vector<std::string> contents_of(const std::string& text) {
  std::vector<std::string> contents;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line) && !lines.eof();) {
    if (line.size() <= kCheckDigits) break;
    std::string content = line.substr(kCheckDigits + 1);
    if (line != checked_line(content)) break;
    contents.push_back(std::move(content));
  }
  return contents;
}

}  // namespace

KeptNumbers::KeptNumbers(fs::path file, const std::string& identity) : file_(std::move(file)) {
  std::vector<std::string> contents;
  if (fs::exists(file_)) contents = contents_of(read_file(file_));
  if (contents.empty() || contents[0] != identity) contents = {identity};
  std::string text;
  for (const std::string& content : contents) text += checked_line(content) + '\n';
  write_file_atomic(file_, text);  // without what was cut off
  for (std::size_t i = 1; i < contents.size(); ++i) {
    std::istringstream words(contents[i]);
    std::string key, word;
    words >> key;
    Numbers& numbers = known_[key];
    while (words >> word) {
      double value = 0;  // std::istream reads no "inf"
      std::from_chars(word.data(), word.data() + word.size(), value);
      numbers.push_back(value);
    }
  }
}

KeptNumbers::Numbers KeptNumbers::get(const std::string& key, const std::function<Numbers()>& find) {
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  Numbers numbers = find();
  std::string content = key;
  for (const double number : numbers) content += std::format(" {}", number);  // the shortest text that reads back
  append_line(file_, checked_line(content));
  return known_[key] = std::move(numbers);
}

}  // namespace triage
