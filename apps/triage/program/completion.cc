// triage completion: what a shell offers behind `triage`, from the commands' own options.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <sstream>

#include "apps/triage/program/command.h"

namespace triage::cli {
namespace {

struct Word {
  std::string text, help;
  std::vector<std::string> values;  // of an option that takes one of these
  bool takes_value = false;
};

struct CommandWords {
  std::string path, help;   // "eval", "data import"
  bool of_parts = false;    // words are commands, too
  std::vector<Word> words;  // options and, of a command with parts, those
};

// "TEXT:{a,b}" -> a, b.
std::vector<std::string> values_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const auto open = type.find('{'), close = type.find('}');
  std::vector<std::string> values;
  if (open == std::string::npos || close == std::string::npos || close < open) return values;
  std::istringstream list(type.substr(open + 1, close - open - 1));
  for (std::string value; std::getline(list, value, ',');) values.push_back(value);
  return values;
}

void add_words(const CLI::App& app, const std::string& path, const std::string& help, std::vector<CommandWords>& out) {
  CommandWords command{path, help, !app.get_subcommands({}).empty(), {}};
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames())
      command.words.push_back(
          {"--" + name, option->get_description(), values_of(*option), option->get_expected_max() > 0});
  }
  for (const CLI::App* part : app.get_subcommands({})) {
    command.words.push_back({part->get_name(), part->get_description(), {}, false});
    add_words(*part, path + " " + part->get_name(), part->get_description(), out);
  }
  out.push_back(std::move(command));
}

// What every command says of itself, without running it.
std::vector<CommandWords> words_of(std::span<const Command> commands, const std::string& before) {
  std::vector<CommandWords> out;
  for (const Command& command : commands) {
    const std::string path = before + command.name;
    if (!command.parts.empty()) {
      CommandWords whole{path, command.help, true, {}};
      for (const Command& part : command.parts) whole.words.push_back({part.name, part.help, {}, false});
      out.push_back(std::move(whole));
      for (CommandWords& part : words_of(command.parts, path + " ")) out.push_back(std::move(part));
      continue;
    }
    describe_command(command, [&](const CLI::App& app) { add_words(app, path, command.help, out); });
  }
  std::ranges::sort(out, {}, &CommandWords::path);
  return out;
}

// In single quotes of a shell; of a help text the first line.
std::string in_quotes(const std::string& text) {
  std::string out = "'";
  for (const char c : text.substr(0, text.find('\n'))) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string spaced(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::string bash_script(std::span<const Command> commands, const std::vector<CommandWords>& all) {
  std::string names, offers, values;
  for (const Command& command : commands) names += std::string(names.empty() ? "" : " ") + command.name;
  for (const CommandWords& command : all) {
    std::vector<std::string> words;
    for (const Word& word : command.words) {
      words.push_back(word.text);
      if (word.values.empty()) continue;
      values += std::format("    {}) words={};;\n", in_quotes(command.path + " " + word.text),
                            in_quotes(spaced(word.values)));
    }
    offers += std::format("    {}) words={};;\n", in_quotes(command.path), in_quotes(spaced(words)));
  }
  return std::format(
      "# bash completion of triage, written by 'triage completion bash'\n"
      "_triage() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} words='' "
      "path=${{COMP_WORDS[1]}}\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    COMPREPLY=($(compgen -W '{} --help --version' -- \"$current\"))\n"
      "    return\n"
      "  fi\n"
      "  case \"$path\" in data|subnets) if ((COMP_CWORD > 2)); then path=\"$path ${{COMP_WORDS[2]}}\"; fi;; esac\n"
      "  case \"$path $previous\" in\n{}  esac\n"
      "  if [[ -z $words && $previous != --* || $current == -* ]]; then\n"
      "    case \"$path\" in\n{}    esac\n"
      "    if [[ $current != -* ]]; then words=$(tr ' ' '\\n' <<< \"$words\" | grep -v '^-'); fi\n"
      "  fi\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}}\n"
      "complete -o default -F _triage triage\n",
      names, values, offers);
}

// What stands in brackets, behind colons or in a list of values of zsh's _arguments and _describe.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text.substr(0, text.find('\n')))
    out += std::strchr("[]:\\", c) != nullptr ? std::string{'\\', c} : std::string(1, c);
  return out;
}

// Loaded by zsh from a folder of its $fpath, or sourced.
std::string zsh_script(std::span<const Command> commands, const std::vector<CommandWords>& all) {
  const auto described = [](const std::string& word, const std::string& help) {
    return " " + in_quotes(zsh_text(word) + ":" + zsh_text(help));
  };
  std::string names, parts, options;
  for (const Command& command : commands) names += described(command.name, command.help);
  for (const CommandWords& command : all) {
    if (command.of_parts) {
      parts += std::format("    {}) if (( CURRENT == 3 )); then words_here=(", in_quotes(command.path));
      for (const Word& word : command.words)
        parts += word.text.starts_with("--") ? "" : described(word.text, word.help);
      parts += "); _describe part words_here; return; fi; command+=\" $words[3]\"; skip=2;;\n";
      continue;
    }
    options += std::format("    {}) _arguments -S", in_quotes(command.path));
    for (const Word& word : command.words) {
      std::string values = spaced(word.values);
      values = values.empty() ? "_files" : "(" + zsh_text(values) + ")";
      options += " " + in_quotes(std::format("*{}[{}]{}", word.text, zsh_text(word.help),
                                             word.takes_value ? ":value:" + values : ""));
    }
    options += " '*:file:_files';;\n";
  }
  return std::format(
      "#compdef triage\n# zsh completion of triage, written by 'triage completion zsh'\n"
      "_triage() {{\n"
      "  local command=$words[2] skip=1\n"
      "  local -a words_here\n"
      "  if (( CURRENT == 2 )); then\n"
      "    words_here=({} '--help:print the commands' '--version:print the version'); _describe command words_here\n"
      "    return\n"
      "  fi\n"
      "  case $command in\n{}  esac\n"
      "  shift $skip words; (( CURRENT -= skip ))\n"
      "  case $command in\n{}  esac\n"
      "}}\n"
      "if [[ $funcstack[1] == _triage ]]; then _triage \"$@\"; else compdef _triage triage; fi\n",
      names, parts, options);
}

std::string fish_script(std::span<const Command> commands, const std::vector<CommandWords>& all) {
  std::string out = "# fish completion of triage, written by 'triage completion fish'\n";
  for (const Command& command : commands)
    out +=
        std::format("complete -c triage -n __fish_use_subcommand -a {} -d {}\n", command.name, in_quotes(command.help));
  for (const CommandWords& command : all) {
    std::istringstream parts(command.path);
    std::string condition;
    for (std::string part; parts >> part;)
      condition += std::format("{}__fish_seen_subcommand_from {}", condition.empty() ? "" : "; and ", part);
    for (const Word& word : command.words) {
      const bool option = word.text.starts_with("--");
      out += std::format("complete -c triage -n {} {}{}{}{} -d {}\n", in_quotes(condition), option ? "-l " : "-a ",
                         option ? word.text.substr(2) : word.text, word.takes_value ? " -r" : "",
                         word.values.empty() ? "" : " -a " + in_quotes(spaced(word.values)), in_quotes(word.help));
    }
  }
  return out;
}

}  // namespace

int completion_command(int argc, char** argv) {
  CLI::App app{"Prints what a shell offers behind 'triage'", "triage completion"};
  std::string shell;
  app.add_option("SHELL", shell, "whose language")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  app.footer(
      "Example: triage completion bash > ~/.local/share/bash-completion/completions/triage\n"
      "         source <(triage completion zsh)\n"
      "         triage completion fish > ~/.config/fish/completions/triage.fish");
  if (!parse_arguments(app, argc, argv)) return 0;
  const std::span<const Command> commands = all_commands();
  const std::vector<CommandWords> all = words_of(commands, "");
  const auto script = shell == "bash" ? bash_script : shell == "zsh" ? zsh_script : fish_script;
  std::fputs(script(commands, all).c_str(), stdout);
  return 0;
}

}  // namespace triage::cli
