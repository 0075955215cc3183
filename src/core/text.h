// Text from outside (file names, class names) on its way to people and shells. A file system allows any bytes in a
// name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <ranges>
#include <string>
#include <string_view>

namespace triage {

// The character of UTF-8 at text[at] (at < size): its code point and length, or {-1, 1} where the bytes are no UTF-8
// (overlong forms, surrogates and what is cut off included).
struct Utf8Character {
  std::int32_t code = -1;
  std::size_t bytes = 1;
};
Utf8Character utf8_at(std::string_view text, std::size_t at);

// The same text in valid UTF-8, without control characters but line breaks and tabs: those and bytes that are no UTF-8
// become \xNN. A terminal takes no orders from it.
std::string printable(std::string_view text);
std::string printable_line(std::string_view text);  // the same of a name: line breaks and tabs become \xNN, too

// printable() of text that comes in pieces, cut anywhere: an unfinished character at the end waits in `pending`.
std::string printable_piece(std::string_view piece, std::string& pending);

// Columns on a terminal: characters of UTF-8, two for the wide ones of East Asia, none for those that combine.
std::size_t display_width(std::string_view text);
// text and spaces up to `width` columns.
std::string padded(std::string_view text, std::size_t width);

// What `text` makes of each element, or the elements themselves, with ", " between them.
template <std::ranges::input_range Range, class Text = std::identity>
std::string joined(const Range& range, Text text = {}) {
  std::string all;
  for (const auto& element : range) {
    if (!all.empty()) all += ", ";
    all += std::invoke(text, element);
  }
  return all;
}

// One word of a POSIX shell: as it is, or in single quotes where something in it means more to a shell.
std::string shell_word(std::string_view text);

}  // namespace triage
