// Small files in which the system describes itself (/proc, /sys).
#pragma once

#include <string>
#include <string_view>

namespace triage {

// The content without the white space around it; empty where there is no such file.
std::string system_text(const char* path);

// The value of the first "key : value" line of /proc/cpuinfo and its kind; empty without one.
std::string system_field(const std::string& text, std::string_view key);

}  // namespace triage
