// Text from files in pictures: any bytes in, what can be drawn out.
#pragma once

#include <string>
#include <string_view>

namespace triage::report {

// Valid UTF-8 without control characters (core/text.h), and without characters that no font on this machine has: those
// become U+4E2D, as pictures would show them as black shapes. Where the fonts cannot be asked, nothing but ASCII is
// taken for granted.
std::string drawable(std::string_view text);

// The same as a gnuplot string; as the text of a tic, which gnuplot takes for a format (% stands for values).
std::string words(std::string_view text);
std::string tic_words(std::string_view text);

}  // namespace triage::report
