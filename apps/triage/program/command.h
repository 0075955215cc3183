// The subcommands of the program. Each parses its own arguments and returns an exit code; errors are thrown.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <span>

#include "core/error.h"

namespace triage::cli {

struct Command {
  const char* name;
  const char* help;
  int (*run)(int argc, char** argv);
  std::span<const Command> parts = {};  // of a command that is a list of such
};
std::span<const Command> all_commands();  // of the program

// Has the command tell its options, and nothing else: it ends where it would read its arguments.
void describe_command(const Command& command, const std::function<void(const CLI::App&)>& tell);

void list_commands(std::FILE* out, std::span<const Command> commands);
const Command* find_command(std::span<const Command> commands, const char* name);  // null: there is none

// Of a command that this build does without: throws Error that says so.
int absent_command(int argc, char** argv);

int arch_command(int argc, char** argv);
int auto_command(int argc, char** argv);
int build_command(int argc, char** argv);
int cascade_command(int argc, char** argv);
int coopt_command(int argc, char** argv);
int costs_command(int argc, char** argv);
int curve_command(int argc, char** argv);
int data_command(int argc, char** argv);
int compare_command(int argc, char** argv);
int completion_command(int argc, char** argv);
int compile_command(int argc, char** argv);
int doctor_command(int argc, char** argv);
int eval_command(int argc, char** argv);
int export_command(int argc, char** argv);
int init_command(int argc, char** argv);
int manual_command(int argc, char** argv);
int predict_command(int argc, char** argv);
int profile_command(int argc, char** argv);
int quantize_command(int argc, char** argv);
int refine_command(int argc, char** argv);
int report_command(int argc, char** argv);
int run_command(int argc, char** argv);
int search_command(int argc, char** argv);
int serve_command(int argc, char** argv);
int subnets_command(int argc, char** argv);
int suggest_command(int argc, char** argv);
std::span<const Command> subnets_actions();
int train_command(int argc, char** argv);
int tune_command(int argc, char** argv);

// --engine, for commands that run a plan through the runtime library.
void add_engine_option(CLI::App& app, std::string& engine);

// On stderr, where ClassifierInfo::engine_note has something to say.
void say_engine_note(const std::string& note);

// "triage eval PLAN --data FILE": what figures of record name as their origin.
std::string command_line(int argc, char** argv);

// argv[0] is the subcommand's name. False: help was printed and the command ends with 0. Bad usage throws UsageError.
bool parse_arguments(CLI::App& app, int argc, char** argv);

}  // namespace triage::cli
