// Who works: a process of some machine, as those see it that share a database with it.
#pragma once

#include <string>

#include "search/store/sql.h"

namespace triage::search {

// This process at this connection: "HOST/BOOT/NAMESPACE:PID:START", and ";SESSION" where the database has sessions. The
// start tells a process from a later one with the same pid.
std::string this_worker(SqlDatabase& database);

// True only when it is certain: its process was one of this machine and does not run any more, or its connection to the
// database has ended.
bool is_gone(SqlDatabase& database, const std::string& worker);

}  // namespace triage::search
