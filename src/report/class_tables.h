// Tables of figures over and of classes, as HTML, each empty where the run has no data for it.
#pragma once

#include <string>

#include "report/run.h"

namespace triage::report {

constexpr std::size_t kConfusionClasses = 20;  // more are listed as the most frequent mistakes

// Each stage alone and the plan, by every figure over all classes.
std::string averages(const Evaluation& evaluation, std::size_t stages);
std::string per_class(const Results& results);
std::string confusion(const Results& results);

}  // namespace triage::report
