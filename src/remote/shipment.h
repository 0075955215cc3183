// Shipment: all that a measurement needs on a device. Files are called there after the SHA-256 of their content.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "measure/job.h"
#include "measure/stages/stage_list.h"
#include "remote/devices.h"

namespace triage::remote {

struct ShippedFile {
  std::string sha256;
  std::string name;              // in the plan's directory there; empty: not part of it
  std::optional<fs::path> file;  // where it is here; or
  std::string bytes;             // its content
  std::uint64_t size = 0;
  std::string place = "files";  // the folder of the work directory, or "programs"
  std::string path() const { return place + "/" + sha256; }
};

struct Shipment {
  ShippedFile program, images;
  std::vector<ShippedFile> plan;  // the stages, then plan.json or stages.json
  measure::Job job;
  std::string plan_name, state_name;  // in plans/ and state/; two measurements that can be one have the same

  std::vector<const ShippedFile*> files() const;
};

// The job with the device's cores, where it names none, and priority. Throws Error when a file cannot be read,
// DeviceError when the program is not one for the device.
Shipment ship(const Device& device, measure::Measurable what, const fs::path& directory, measure::Images images,
              const measure::Job& job);

}  // namespace triage::remote
