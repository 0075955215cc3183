#include "remote/remote_check.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "core/json.h"
#include "core/text.h"
#include "measure/job.h"

namespace triage::remote {
namespace {

constexpr std::uint64_t kSpareKb = 16 << 10;  // for what the measurement itself writes
constexpr std::size_t kMaxAnswerShown = 200;

template <class... Args>
[[noreturn]] void fail_check(const Device& device, DeviceProblem problem, std::format_string<Args...> format,
                             Args&&... args) {
  throw DeviceError(problem, std::format("{} ({}): {}: {}", device.name, device.ssh, to_string(problem),
                                         std::format(format, std::forward<Args>(args)...)));
}

}  // namespace

const char* const kInspectScript = R"sh(set -e
umask 077
mkdir -p -- "$1/programs" "$1/files" "$1/plans" "$1/state"
cd -- "$1"
echo "architecture $(uname -m)"
df -Pk . | { read -r head; read -r disk all used free rest; echo "free_kb $free"; }
while read -r file; do
  if [ -f "$file" ]; then echo "have $file"; fi
done
echo end
)sh";

std::string elf_architecture(const fs::path& file) {
  const std::string bytes = read_file(file).substr(0, 20);
  if (bytes.size() < 20 || !bytes.starts_with("\177ELF") || bytes[4] != 2 || bytes[5] != 1) return "";
  const int machine = static_cast<unsigned char>(bytes[18]) | static_cast<unsigned char>(bytes[19]) << 8;
  return machine == 62 ? "x86_64" : machine == 183 ? "aarch64" : std::format("machine {}", machine);
}

Inspection parse_inspection(const std::string& answer, const std::string& device) {
  Inspection inspection;
  bool ended = false, told_free = false;
  std::istringstream lines(answer);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t space = line.find(' ');
    const std::string key = line.substr(0, space), value = space == std::string::npos ? "" : line.substr(space + 1);
    if (key == "architecture") inspection.architecture = value;
    if (key == "have") inspection.have.insert(value);
    if (key == "free_kb") {
      const char* const last = value.data() + value.size();
      const auto [end, error] = std::from_chars(value.data(), last, inspection.free_kb);
      told_free = error == std::errc() && end == last;
    }
    ended = ended || line == "end";
  }
  if (!ended || !told_free || inspection.architecture.empty()) {
    throw DeviceError(DeviceProblem::failed,
                      std::format("{}: checking it: found the answer '{}', expected architecture, free_kb and end",
                                  device, answer.substr(0, kMaxAnswerShown)));
  }
  return inspection;
}

void check_architecture(const Device& device, const std::string& found) {
  if (found == device.architecture) return;
  fail_check(device, DeviceProblem::wrong_architecture, "uname -m: found '{}', expected '{}'", found,
             device.architecture);
}

void check_program(const Device& device) {
  const std::string found = elf_architecture(device.program);
  if (found == device.architecture) return;
  fail_check(device, DeviceProblem::wrong_architecture, "{}: found {}, expected a program for {}",
             device.program.string(), found.empty() ? "no program" : "a program for " + found, device.architecture);
}

void check_disk(const Device& device, const Inspection& inspection, std::uint64_t need_bytes) {
  const std::uint64_t need_kb = (need_bytes + 1023) / 1024 + kSpareKb;
  if (inspection.free_kb >= need_kb) return;
  fail_check(device, DeviceProblem::disk_full, "{}: found {} KiB free, expected at least {}", device.work_directory,
             inspection.free_kb, need_kb);
}

void check_version(const Device& device, const std::string& answer, const std::string& provider) {
  const std::size_t begin = answer.rfind("{\"program\"");
  const std::string origin = std::format("{} ({}): {} --version", device.name, device.ssh, device.program.string());
  if (begin == std::string::npos) {
    fail_check(device, DeviceProblem::failed, "{} --version: found '{}', expected the answer of triage-measure",
               device.program.string(), answer.substr(0, kMaxAnswerShown));
  }
  const Json json = parse_json(answer.substr(begin), origin);
  const JsonReader reader(json, origin);
  if (reader.get<int>("protocol") != measure::kJobProtocol) {
    reader.at("protocol").fail_here(std::format("{}: build it anew", measure::kJobProtocol));
  }
  const auto providers = reader.get<std::vector<std::string>>("providers");
  if (std::ranges::find(providers, provider) != providers.end()) return;
  fail_check(device, DeviceProblem::failed, "provider: found '{}', expected one that ONNX Runtime {} has there: {}",
             provider, reader.get<std::string>("engine_version"), joined(providers));
}

}  // namespace triage::remote
