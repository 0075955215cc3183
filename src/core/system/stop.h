// How a program ends before its work is done. For programs alone: a library is handed a token (core/context.h).
#pragma once

#include "core/context.h"

namespace triage {

// SIGINT, SIGTERM and SIGHUP end the program once its temporary files are removed.
void install_end_handler();

// The same, but the first SIGINT or SIGTERM only asks: the token that this returns is requested, state is saved. The
// next one ends.
StopToken install_stop_handler();

}  // namespace triage
