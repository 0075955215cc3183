// triage manual: manual pages, from the commands' own options; what --help prints, for man.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <sstream>

#include "apps/triage/options/outputs.h"
#include "apps/triage/program/command.h"
#include "core/text.h"
#include "triage/classifier.h"

namespace triage::cli {
namespace {

// Text for roff, in ASCII: nothing in it is an order, and quotes, hyphens and the like are printed as they are typed.
std::string roff(std::string_view text) {
  static const std::map<std::int32_t, std::string_view> special = {
      {'\\', "\\e"}, {'-', "\\-"}, {'\'', "\\(aq"}, {'`', "\\(ga"}, {'^', "\\(ha"}, {'~', "\\(ti"}, {'"', "\\(dq"}};
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, bytes] = utf8_at(text, at);
    const bool line_begins = out.empty() || out.back() == '\n';
    if (line_begins && code == '.') out += "\\&";
    if (const auto found = special.find(code); found != special.end()) {
      out += found->second;
    } else if (code > 0x7e) {
      out += std::format("\\[u{:04X}]", code);
    } else {
      out += text.substr(at, bytes);
    }
    at += bytes;
  }
  return out;
}

std::string in_capitals(std::string text) {  // of names, which are ASCII
  for (char& c : text) c = 'a' <= c && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

// Options as CLI11 describes them in --help.
class ManualFormatter : public CLI::Formatter {
 public:
  std::string usage(const CLI::App& app, const std::string& path) const {
    const std::string line = make_usage(&app, path);  // "Usage: PATH [OPTIONS] ..."
    return std::format(".B {}\n", roff(line.substr(line.find(": ") + 2, line.find('\n') - line.find(": ") - 2)));
  }

  std::string options(const CLI::App& app, bool positional) const {
    std::string out;
    for (const CLI::Option* option : app.get_options()) {
      if (option->get_positional() == positional) out += make_option(option, positional);
    }
    return out;
  }

  std::string make_option(const CLI::Option* option, bool positional) const override {
    std::string values = make_option_opts(option);
    values.resize(values.find_last_not_of(' ') + 1);
    return std::format(".TP\n\\fB{}\\fR{}\n{}\n", roff(make_option_name(option, positional)), roff(values),
                       roff(make_option_desc(option)));
  }
};

// What a page says of a program: a command has one, a command of parts one for each.
struct Section {
  std::string path, usage, text;
};

// A footer: sentences, then "Example:" and lines to be typed.
std::string footer_text(const std::string& footer, std::string_view heading) {
  std::string notes, examples;
  std::istringstream lines(footer);
  for (std::string line; std::getline(lines, line);) {
    constexpr std::string_view kExample = "Example:";
    const bool begins = line.starts_with(kExample);
    if (begins) line.erase(0, kExample.size());
    line.erase(0, line.find_first_not_of(' '));
    if (begins || !examples.empty()) {
      examples += line.empty() ? "" : roff(line) + "\n";
    } else {
      notes += roff(line) + "\n";
    }
  }
  std::string out;
  if (!notes.empty()) out += std::format(".{} NOTES\n{}", heading, notes);
  if (!examples.empty()) out += std::format(".{} EXAMPLE\n.nf\n{}.fi\n", heading, examples);
  return out;
}

void add_sections(const CLI::App& app, const std::string& path, std::string_view heading, std::vector<Section>& out) {
  const ManualFormatter formatter;
  Section section{path, formatter.usage(app, path), ""};
  section.text = roff(app.get_description()) + "\n";
  if (const std::string arguments = formatter.options(app, true); !arguments.empty())
    section.text += std::format(".{} ARGUMENTS\n{}", heading, arguments);
  section.text += std::format(".{} OPTIONS\n{}", heading, formatter.options(app, false));
  section.text += footer_text(app.get_footer(), heading);
  const std::vector<const CLI::App*> parts = app.get_subcommands({});
  if (parts.empty()) out.push_back(std::move(section));
  for (const CLI::App* part : parts) add_sections(*part, path + " " + part->get_name(), "SS", out);
}

std::string page(const std::string& name, const std::string& help, const std::string& body) {
  return std::format(".TH {} 1 \"\" \"triage {}\" \"Triage\"\n.SH NAME\n{} \\- {}\n{}", in_capitals(name), version(),
                     roff(name), roff(help), body);
}

std::string command_page(const Command& command) {
  const std::string path = std::string("triage ") + command.name;
  std::vector<Section> sections;
  for (const Command& part : command.parts) {
    const std::string part_path = path + " " + part.name;
    describe_command(part, [&](const CLI::App& app) { add_sections(app, part_path, "SS", sections); });
  }
  if (command.parts.empty())
    describe_command(command, [&](const CLI::App& app) { add_sections(app, path, "SH", sections); });
  std::string synopsis, text;
  const bool one = sections.size() == 1;
  for (const Section& section : sections) {
    synopsis += (synopsis.empty() ? "" : ".br\n") + section.usage;
    text += std::format(".SH {}\n{}", one ? "DESCRIPTION" : roff(in_capitals(section.path)), section.text);
  }
  return page("triage-" + std::string(command.name), command.help,
              std::format(".SH SYNOPSIS\n{}{}.SH SEE ALSO\n.BR triage (1)\n", synopsis, text));
}

std::string program_page(std::span<const Command> commands) {
  std::string list;
  for (const Command& command : commands)
    list += std::format(".TP\n.BR triage\\-{} (1)\n{}\n", command.name, roff(command.help));
  return page("triage", "decides, per input image, how much network the image needs",
              std::format(".SH SYNOPSIS\n.B triage\n.I COMMAND\n[OPTIONS]\n.br\n.B triage \\-\\-version\n"
                          ".SH DESCRIPTION\nFrom a data set Triage trains networks and a router between them, measures "
                          "what each path costs, and makes a plan,\nwhich a small runtime executes: easy images leave "
                          "early, hard ones go on.\n.SH COMMANDS\n{}.SH EXIT STATUS\n0: it worked; 1: it failed, "
                          "and the reason stands on standard error; 2: bad usage.\n",
                          list));
}

}  // namespace

int manual_command(int argc, char** argv) {
  CLI::App app{"Prints a manual page, of the program or of a command, or writes all of them", "triage manual"};
  std::string name, out;
  app.add_option("COMMAND", name, "whose page; default: the program's");
  app.add_option("--out", out, "directory that all pages are written to")->check(output_directory);
  app.footer("Example: triage manual eval | man -l -");
  if (!parse_arguments(app, argc, argv)) return 0;
  const std::span<const Command> commands = all_commands();
  if (!out.empty()) {
    fs::create_directories(out);
    write_file_atomic(fs::path(out) / "triage.1", program_page(commands));
    for (const Command& command : commands)
      write_file_atomic(fs::path(out) / std::format("triage-{}.1", command.name), command_page(command));
    return 0;
  }
  const Command* const command = name.empty() ? nullptr : find_command(commands, name.c_str());
  if (!name.empty() && command == nullptr) throw UsageError(std::format("'{}' is not a command", name));
  std::fputs((command == nullptr ? program_page(commands) : command_page(*command)).c_str(), stdout);
  return 0;
}

}  // namespace triage::cli
