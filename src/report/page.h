// report.html: one self-contained page. No network, no files beside it: pictures are data URIs, style and script
// inline, and a content security policy forbids everything else.
#pragma once

#include <string>
#include <vector>

#include "report/draw/theme.h"
#include "report/run.h"

namespace triage::report {

struct PagePicture {
  Picture picture;
  std::string light_png, dark_png;  // file contents
};

// notes: sentences for the reader about what is missing and why.
std::string page(const Run& run, const std::vector<PagePicture>& pictures, const std::vector<std::string>& notes);

}  // namespace triage::report
