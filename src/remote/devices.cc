#include "remote/devices.h"

#include <algorithm>

#include "core/config.h"
#include "core/error.h"
#include "core/text.h"

namespace triage::remote {
namespace {

bool plain_word(const std::string& text) {
  return !text.empty() && text.front() != '-' &&
         std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c != 127; });
}

Device read_device(ConfigSection& section, const fs::path& folder) {
  Device device;
  for (const char* key : {"name", "ssh", "architecture", "program"}) section.require(key);
  section.read("name", device.name);
  if (!plain_word(device.name)) section.fail_at("name", "a word that does not begin with '-'");
  section.read("ssh", device.ssh);
  if (!plain_word(device.ssh)) section.fail_at("ssh", "a target of ssh(1) that does not begin with '-'");
  section.read("port", device.port, 1, 65535);
  section.read("architecture", device.architecture);
  if (device.architecture != "x86_64" && device.architecture != "aarch64") {
    section.fail_at("architecture", "x86_64 or aarch64");
  }
  section.read("cores", device.cores, 0, 4095);
  section.read("priority", device.priority, -20, 19);
  section.read("work_directory", device.work_directory);
  if (device.work_directory.empty()) section.fail_at("work_directory", "a directory");
  std::string program, identity;
  section.read("program", program);
  if (program.empty()) section.fail_at("program", "a file");
  device.program = folder / program;
  section.read("identity_file", identity);
  if (!identity.empty()) device.identity_file = folder / identity;
  section.read("ssh_options", device.ssh_options);
  section.read("timeout_seconds", device.timeout_seconds, 1, 3600);
  section.read("retries", device.retries, 0, 1000);
  section.read("retry_seconds", device.retry_seconds, 0, 3600);
  return device;
}

std::vector<Device> devices_of(const Config& config, const fs::path& file) {
  ConfigSection root = config.root();
  std::vector<Device> devices;
  for (ConfigSection& section : root.sections("device")) {
    devices.push_back(read_device(section, file.parent_path()));
    const std::string& name = devices.back().name;
    if (std::ranges::count(devices, name, &Device::name) > 1)
      section.fail_at("name", "a name that no other device has");
  }
  root.finish();
  if (devices.empty()) fail("{}: found no [[device]], expected at least one", file.string());
  return devices;
}

}  // namespace

std::vector<Device> load_devices(const fs::path& file) { return devices_of(Config::load(file), file); }

std::vector<Device> parse_devices(std::string_view text, const fs::path& file) {
  return devices_of(Config::parse(text, file.string()), file);
}

const Device& find_device(const std::vector<Device>& devices, const std::string& name, const fs::path& file) {
  const auto found = std::ranges::find(devices, name, &Device::name);
  if (found != devices.end()) return *found;
  fail("{}: device: found no '{}', expected one of: {}", file.string(), name, joined(devices, &Device::name));
}

}  // namespace triage::remote
