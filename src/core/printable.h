// Text for a terminal: names of files and classes may hold any bytes, and some bytes move the cursor or worse.
#pragma once

#include <string>
#include <string_view>

namespace triage {

// The same text with "\\x1b" for every byte of a control character (but line breaks and tabs) and of what is no UTF-8.
std::string printable(std::string_view text);

// The same for text that comes in pieces, cut anywhere: an unfinished character at the end waits in `pending`.
std::string printable_piece(std::string_view piece, std::string& pending);

}  // namespace triage
