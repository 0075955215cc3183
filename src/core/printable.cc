#include "core/printable.h"

#include <cstdint>
#include <format>

namespace triage {
namespace {

struct Character {
  std::size_t bytes = 1;
  bool shown = false;       // as it is
  bool unfinished = false;  // right so far, but the text ends
};

// Of the form that the first byte announces; 0: it announces none.
std::size_t announced_bytes(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

bool is_shown(std::uint32_t code, std::size_t bytes) {
  if (code == '\n' || code == '\t') return true;
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;  // the second group are control characters, too
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  return code >= kLeast[bytes] && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000);
}

Character first_character(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t bytes = announced_bytes(first);
  if (bytes == 0) return {};
  std::uint32_t code = bytes == 1 ? first : first & (0x7f >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if (i == text.size()) return {.unfinished = true};
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return {};
    code = code << 6 | (next & 0x3f);
  }
  return is_shown(code, bytes) ? Character{.bytes = bytes, .shown = true} : Character{.bytes = bytes};
}

// Adds what is printable of `text` to `shown`; returns where an unfinished character begins.
std::size_t add_printable(std::string_view text, std::string& shown) {
  for (std::size_t at = 0; at < text.size();) {
    const Character next = first_character(text.substr(at));
    if (next.unfinished) return at;
    if (next.shown) shown += text.substr(at, next.bytes);
    for (std::size_t i = 0; i < next.bytes && !next.shown; ++i)
      shown += std::format("\\x{:02x}", static_cast<unsigned char>(text[at + i]));
    at += next.bytes;
  }
  return text.size();
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown;
  for (std::size_t at = add_printable(text, shown); at < text.size(); ++at)
    shown += std::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
  return shown;
}

std::string printable_piece(std::string_view piece, std::string& pending) {
  std::string shown;
  pending += piece;
  pending.erase(0, add_printable(pending, shown));
  return shown;
}

}  // namespace triage
