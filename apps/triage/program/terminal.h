// What the program prints, on its way to a terminal.
#pragma once

#include <string>

#include "core/context.h"

namespace triage::cli {

// From now on whatever goes to stdout or stderr (printf, std::cout, ...) is printable (core/text.h) where that is
// a terminal: no name of a file or a class can move the cursor, change colours or the title. Files and pipes get the
// bytes as they are. Call it once, before anything is printed; progress bars draw past it.
void guard_terminal();

// What a command hands to its work: progress on stderr (quiet: messages alone, for --json), and a stop with the first
// Ctrl-C. show_progress() leaves Ctrl-C as it is: it ends the program. Once in the life of the process.
Context stoppable(bool quiet);
Context show_progress(bool quiet);

// "warning: ..." on stderr; the sink of core/warning.h.
void print_warning(const std::string& message);

}  // namespace triage::cli
