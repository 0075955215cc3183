#include "apps/triage/program/command.h"

#include <algorithm>
#include <cstring>
#include <format>
#include <string_view>
#include <vector>

#include "core/text.h"
#include "core/warning.h"
#include "engine/names.h"

namespace triage::cli {

void list_commands(std::FILE* out, std::span<const Command> commands) {
  std::string absent;
  for (const Command& command : commands) {
    if (command.run == absent_command)
      absent += std::string(absent.empty() ? "" : ", ") + command.name;
    else
      std::fprintf(out, "  %-10s %s\n", command.name, command.help);
  }
  if (!absent.empty())
    std::fprintf(out, "\nnot in this build, which was made with the preset cuda: %s\n", absent.c_str());
}

int absent_command(int, char** argv) {
  fail("'{}' is not in this build, which was made with the preset cuda, without the packages that it needs", argv[0]);
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
  app.add_option(
         "--engine", engine,
         std::format("What runs the stages: {}, {} (the kernels that were compiled for the plan), or {}: {} for "
                     "each stage that has kernels that this CPU can run",
                     engine::kOnnxRuntime, engine::kCompiled, engine::kAuto, engine::kCompiled))
      ->check(CLI::IsMember(engine::kEngineChoices))
      ->capture_default_str();
}

void say_engine_note(const std::string& note) {
  if (!note.empty()) std::fprintf(stderr, "note: ONNX Runtime runs what the plan has kernels for: %s\n", note.c_str());
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

namespace {

// Options whose old names are understood for one more version.
struct Renamed {
  std::string_view command, old_name, name;
};
constexpr Renamed kRenamed[] = {{"build", "--most-mmac", "--max-mmac"}, {"eval", "--most-mmac", "--max-mmac"}};

// As CLI11 takes them: the last one first, without the command's name.
std::vector<std::string> reversed_arguments(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  for (std::string& argument : arguments) {
    for (const auto& [command, old_name, name] : kRenamed) {
      const std::string_view given = std::string_view(argument).substr(0, argument.find('='));
      if (command != argv[0] || given != old_name) continue;
      warn(std::format("{}: {} is now {}; the old name will not be understood by the next version", command, old_name,
                       name));
      argument.replace(0, old_name.size(), name);
    }
  }
  std::ranges::reverse(arguments);
  return arguments;
}

}  // namespace

bool parse_arguments(CLI::App& app, int argc, char** argv) {
  if (app.get_name().empty()) app.name(std::string("triage ") + argv[0]);
  if (description) {
    (*description)(app);
    return false;
  }
  try {
    app.parse(reversed_arguments(argc, argv));
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
