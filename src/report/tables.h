// The report's tables as HTML, each empty where the run has no data for it.
#pragma once

#include <string>
#include <vector>

#include "report/run.h"

namespace triage::report {

struct Section {
  std::string id, title, note;  // note: one sentence, not yet escaped
  std::string html;
};

std::vector<Section> table_sections(const Run& run);

// Headline tiles: accuracy, mean latency, speed-up, escalation, predicted against measured.
std::string headline(const Results& results);

}  // namespace triage::report
