// How the program ends before its work is done.
#pragma once

namespace triage {

// SIGINT, SIGTERM and SIGHUP end the program once its temporary files are removed.
void install_end_handler();

// The same, but the first SIGINT or SIGTERM only asks: stop_requested() turns true, state is saved. The next one ends.
void install_stop_handler();
bool stop_requested();

}  // namespace triage
