// The page for people at "/": one HTML document without any other file, and the headers that hold a browser to that.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace triage::serving {

std::string_view page_html();

// Content-Security-Policy (nothing is loaded, only this page's own script and style run, named by their hashes), and
// that it is neither framed nor kept.
const std::vector<std::pair<std::string, std::string>>& page_headers();

}  // namespace triage::serving
