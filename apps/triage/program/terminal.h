// What the program prints, on its way to a terminal.
#pragma once

#include <string>

namespace triage::cli {

// From now on whatever goes to stdout or stderr (printf, std::cout, ...) is printable (core/text.h) where that is
// a terminal: no name of a file or a class can move the cursor, change colours or the title. Files and pipes get the
// bytes as they are. Call it once, before anything is printed; progress bars draw past it.
void guard_terminal();

// "warning: ..." on stderr; the sink of core/warning.h.
void print_warning(const std::string& message);

}  // namespace triage::cli
