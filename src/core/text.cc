#include "core/text.h"

#include <algorithm>
#include <format>

namespace triage {
namespace {

bool is_control(std::int32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200e && code <= 0x200f) ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);  // ... and what turns lines round
}

// Of the character that a byte begins; 0: it begins none.
std::size_t utf8_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

bool is_wide(std::int32_t code) {
  return (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
         (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
         (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
         (code >= 0xffe0 && code <= 0xffe6) || (code >= 0x1f300 && code <= 0x1faff) ||
         (code >= 0x20000 && code <= 0x3fffd);
}

bool is_combining(std::int32_t code) {
  return (code >= 0x300 && code <= 0x36f) || (code >= 0x200b && code <= 0x200d) || (code >= 0x20d0 && code <= 0x20ff) ||
         (code >= 0xfe00 && code <= 0xfe0f) || (code >= 0xfe20 && code <= 0xfe2f);
}

}  // namespace

Utf8Character utf8_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return {first, 1};
  const std::size_t bytes = utf8_length(first);
  if (bytes == 0 || at + bytes > text.size()) return {};
  std::int32_t code = first & (0xff >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(at + i) & 0x3f);
  }
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  if (surrogate || code > 0x10ffff || (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000)) return {};
  return {code, bytes};
}

namespace {

void add_printable(std::string_view text, bool keep_lines, std::string& out) {
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Character c = utf8_at(text, i);
    const bool kept = keep_lines && (c.code == '\n' || c.code == '\t');
    if (kept || (c.code >= 0 && !is_control(c.code))) {
      out += text.substr(i, c.bytes);
    } else {
      for (std::size_t b = 0; b < c.bytes; ++b)
        out += std::format("\\x{:02x}", static_cast<unsigned char>(text[i + b]));
    }
    i += c.bytes;
  }
}

// Bytes at the end of a text that more bytes could make a character.
std::size_t unfinished_bytes(std::string_view text) {
  for (std::size_t bytes = 1; bytes < 4 && bytes <= text.size(); ++bytes) {
    const auto first = static_cast<unsigned char>(text[text.size() - bytes]);
    if ((first & 0xc0) == 0x80) continue;  // in the middle of one
    return utf8_length(first) > bytes ? bytes : 0;
  }
  return 0;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  add_printable(text, true, out);
  return out;
}

std::string printable_line(std::string_view text) {
  std::string out;
  add_printable(text, false, out);
  return out;
}

std::string printable_piece(std::string_view piece, std::string& pending) {
  pending += piece;
  const std::size_t whole = pending.size() - unfinished_bytes(pending);
  std::string out;
  add_printable(std::string_view(pending).substr(0, whole), true, out);
  pending.erase(0, whole);
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Character c = utf8_at(text, i);
    columns += is_combining(c.code) ? 0 : is_wide(c.code) ? 2 : 1;
    i += c.bytes;
  }
  return columns;
}

std::string padded(std::string_view text, std::size_t width) {
  const std::size_t columns = display_width(text);
  return std::string(text) + std::string(columns < width ? width - columns : 0, ' ');
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:=+@%";
  const bool plain = !text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos;
  if (plain) return std::string(text);
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

}  // namespace triage
