// What was found of an imported net, for people and for files.
#pragma once

#include "workflow/cascade/imported_net.h"

namespace triage::workflow {

// Its preprocessing and where that is from, trials, notes; a line each.
std::vector<std::string> import_lines(const ImportedNet& net);

// All of it but what is measured and routed, and how an int8 form was made.
Json to_json(const ImportedNet& net);
ImportedNet imported_net_from_json(const JsonReader& json);  // throws Error

}  // namespace triage::workflow
