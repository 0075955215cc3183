// The report of a run: PNG pictures and one self-contained report.html, from result files alone.
#pragma once

#include <string>
#include <vector>

#include "core/files/file.h"

namespace triage::report {

struct ReportOptions {
  fs::path output;  // directory; empty: the run's own
  fs::path data;    // data set file for the example images; empty: the path results.json names
};

struct ReportFiles {
  fs::path html;
  std::vector<fs::path> pictures;
  std::vector<std::string> notes;  // what is missing from the report and why
};

// Reads results.json (required), metrics.jsonl and plan/plan.json (where they exist). Every file is replaced only when
// its successor is complete. Throws Error when results.json is missing or damaged, gnuplot is missing or fails, or a
// data set that was named explicitly does not fit. Blocks for some seconds: each picture is drawn light and dark.
ReportFiles write_report(const fs::path& run_directory, const ReportOptions& options = {});

}  // namespace triage::report
