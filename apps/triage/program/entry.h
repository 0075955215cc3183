// How the program gets from its main() to a subcommand. The subcommands lie in two libraries, of which main() opens the
// one that has it: triage_commands, and triage_training with all of them, which links LibTorch and takes half a second
// to load.
#pragma once

// What main() hands on; both libraries have it.
extern "C" int triage_main(int argc, char** argv);
