#include "apps/triage/program/command.h"

#include <cstring>

#include "core/text.h"

namespace triage::cli {

void list_commands(std::FILE* out, std::span<const Command> commands) {
  for (const Command& command : commands) std::fprintf(out, "  %-10s %s\n", command.name, command.help);
}

const Command* find_command(std::span<const Command> commands, const char* name) {
  for (const Command& command : commands) {
    if (!std::strcmp(command.name, name)) return &command;
  }
  return nullptr;
}

std::string command_line(int argc, char** argv) {
  std::string text = "triage";
  for (int i = 0; i < argc; ++i) text += " " + shell_word(printable_line(argv[i]));
  return text;
}

void add_engine_option(CLI::App& app, std::string& engine) {
  app.add_option("--engine", engine,
                 "What runs the stages: onnxruntime, compiled (the kernels that were compiled for the plan), or auto: "
                 "compiled where the plan has kernels that this CPU can run")
      ->check(CLI::IsMember({"auto", "onnxruntime", "compiled"}))
      ->capture_default_str();
}

void say_engine_note(const std::string& note) {
  if (!note.empty())
    std::fprintf(stderr, "note: ONNX Runtime runs this plan, not the kernels that it has: %s\n", note.c_str());
}

namespace {
const std::function<void(const CLI::App&)>* description = nullptr;  // set while a command is asked for its options
}

void describe_command(const Command& command, const std::function<void(const CLI::App&)>& tell) {
  std::string name = command.name;
  char* arguments[] = {name.data(), nullptr};
  description = &tell;
  try {
    command.run(1, arguments);
  } catch (...) {
    description = nullptr;
    throw;
  }
  description = nullptr;
}

bool parse_arguments(CLI::App& app, int argc, char** argv) {
  if (description) {
    (*description)(app);
    return false;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return false;
  } catch (const CLI::CallForAllHelp&) {
    std::fputs(app.help("", CLI::AppFormatMode::All).c_str(), stdout);
    return false;
  } catch (const CLI::ParseError& error) {
    throw UsageError(error.what());
  }
  return true;
}

}  // namespace triage::cli
