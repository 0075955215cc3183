// gnuplot through a pipe.
#pragma once

#include <string>
#include <string_view>

#include "core/files/file.h"

namespace triage::report {

// Throws Error where gnuplot (package gnuplot-nox) is missing: for those who draw after long work.
void require_gnuplot();

// Runs a script; blocks until gnuplot ends. Throws Error when gnuplot is missing or fails, with its first words.
void run_gnuplot(const std::string& script);

// A gnuplot string literal. Single quotes: gnuplot neither substitutes commands nor interprets escapes in them, so
// text from files is only text. Control characters become spaces.
std::string literal(std::string_view text);

// Width and height from a PNG's header; throws Error when the file is not a PNG.
struct PngSize {
  int width = 0, height = 0;
};
PngSize png_size(std::string_view bytes, const std::string& origin);

}  // namespace triage::report
