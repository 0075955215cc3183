// Warnings: something is not as it should be, and the work goes on all the same. The program that links this says where
// they go (main() prints them); without it nobody hears them, as in the runtime library, which never prints.
#pragma once

#include <string>

namespace triage {

using WarningSink = void (*)(const std::string& message);
void set_warning_sink(WarningSink sink);  // null: nobody listens

void warn(const std::string& message);  // each text once in the life of the process; thread-safe

}  // namespace triage
