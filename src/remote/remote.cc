// Map: attempt() checks, copies, runs and cleans up; measure() tries
// again when the device went away.
#include "remote/remote.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "core/clock.h"
#include "measure/frame.h"
#include "remote/remote_check.h"
#include "remote/shipment.h"

namespace triage::remote {
namespace {

constexpr double kLongestWait = 30;  // seconds between two tries
constexpr const char* kGoesOn = "interrupted; what was measured is kept on the device, the same command goes on";

// $1 work directory, $2 file, $3 its SHA-256, $4 its mode. The file appears whole or not at all.
constexpr const char* kPutScript = R"sh(set -e
umask 077
cd -- "$1"
part="$2.$$"
trap 'rm -f -- "$part"' EXIT
cat > "$part"
found=$(sha256sum < "$part")
found=${found%% *}
if [ "$found" != "$3" ]; then echo "$2: checksum: found $found, expected $3" >&2; exit 1; fi
chmod "$4" "$part"
mv -f -- "$part" "$2"
)sh";

// $1 work directory, $2 program.
constexpr const char* kVersionScript = R"sh(cd -- "$1" && exec "./programs/$2" --version
)sh";

// $1 work directory, $2 program, $3 plan, $4 images, $5 job, $6 state; the input has a line "FILE NAME" for each file
// of the plan.
constexpr const char* kRunScript = R"sh(set -e
umask 077
cd -- "$1"
mkdir -p -- "plans/$3"
while read -r file name; do
  ln -f -- "files/$file" "plans/$3/$name" 2>/dev/null || cp -f -- "files/$file" "plans/$3/$name"
done
exec "./programs/$2" "plans/$3" "files/$4" "$5" --state "state/$6.jsonl" --framed
)sh";

// $1 work directory, $2 plan, $3 state.
constexpr const char* kForgetScript = R"sh(cd -- "$1" && rm -rf -- "plans/$2" "state/$3.jsonl"
)sh";

void wait_or_stop(double seconds, StopToken stop) {
  const double start = steady_seconds();
  while (seconds_since(start) < seconds) {
    if (stop.requested()) throw Interrupted(kGoesOn);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

measure::JobProgress progress_from_json(const std::string& text, const std::string& origin) {
  const Json json = parse_json(text, origin);
  const JsonReader reader(json, origin);
  return {.rows_done = reader.get<std::size_t>("rows_done"),
          .rows = reader.get<std::size_t>("rows"),
          .round = reader.get<std::size_t>("round"),
          .waiting = reader.get<bool>("waiting")};
}

}  // namespace

cost::CostTable RemoteDevice::measure_plan(const fs::path& plan_directory, measure::Images images,
                                           const measure::Job& job, const RemoteCall& call) const {
  return measure(ship(ssh_.device(), {plan::load_plan(plan_directory), true}, plan_directory, images, job), call);
}

cost::CostTable RemoteDevice::measure_stages(const plan::Plan& plan, const fs::path& directory, measure::Images images,
                                             const measure::Job& job, const RemoteCall& call) const {
  return measure(ship(ssh_.device(), {plan, false}, directory, images, job), call);
}

cost::CostTable RemoteDevice::measure(const Shipment& shipment, const RemoteCall& call) const {
  const Device& device = ssh_.device();
  std::size_t max_rows = 0;
  bool fresh = call.fresh;
  for (int failures = 0;;) {
    const std::size_t rows_before = max_rows;
    try {
      return attempt(shipment, call, max_rows, fresh);
    } catch (const Interrupted&) {
      throw Interrupted(kGoesOn);
    } catch (const DeviceVanished& vanished) {
      if (max_rows > rows_before) failures = 0;
      if (++failures > device.retries) {
        throw DeviceVanished(vanished.problem, std::format("{}; tried {} times; what was measured is kept there, the "
                                                           "same command goes on with it",
                                                           vanished.what(), failures));
      }
      const double wait = std::min(kLongestWait, device.retry_seconds * std::ldexp(1.0, std::min(failures - 1, 30)));
      if (call.say) call.say(std::format("{}; trying again in {:g} s", vanished.what(), wait));
      wait_or_stop(wait, call.stop);
    }
  }
}

cost::CostTable RemoteDevice::attempt(const Shipment& shipment, const RemoteCall& call, std::size_t& max_rows,
                                      bool& fresh) const {
  copy_what_is_missing(shipment, call);
  check_version(ssh_.device(),
                ssh_.run({.doing = "starting the measuring program",
                          .script = kVersionScript,
                          .arguments = {ssh_.device().work_directory, shipment.program.sha256},
                          .stop = call.stop}),
                shipment.job.profile.provider);
  if (fresh) forget(shipment, call);
  fresh = false;
  cost::CostTable table = run(shipment, call, max_rows);
  table.device = ssh_.device().name;
  try {
    forget(shipment, call);
  } catch (const DeviceVanished& vanished) {  // the costs are here; only the files stay
    if (call.say) call.say(std::format("{}; its state stays there and answers the next call", vanished.what()));
  }
  return table;
}

void RemoteDevice::copy_what_is_missing(const Shipment& shipment, const RemoteCall& call) const {
  const Device& device = ssh_.device();
  std::string wanted;
  for (const ShippedFile* file : shipment.files()) wanted += file->path() + "\n";
  const Inspection inspection = parse_inspection(ssh_.run({.doing = "checking it",
                                                           .script = kInspectScript,
                                                           .arguments = {device.work_directory},
                                                           .input = wanted,
                                                           .stop = call.stop}),
                                                 ssh_.name());
  check_architecture(device, inspection.architecture);
  std::vector<const ShippedFile*> missing;
  std::uint64_t bytes = 0;
  for (const ShippedFile* file : shipment.files()) {
    const auto same = [&](const ShippedFile* other) { return other->path() == file->path(); };
    if (inspection.have.contains(file->path()) || std::ranges::any_of(missing, same)) continue;
    missing.push_back(file);
    bytes += file->size;
  }
  check_disk(device, inspection, bytes);
  if (!missing.empty() && call.say) {
    call.say(std::format("{}: copying {} files, {} KiB", ssh_.name(), missing.size(), (bytes + 1023) / 1024));
  }
  for (const ShippedFile* file : missing) {
    ssh_.run(
        {.doing = "copying " + (file->file           ? file->file->string()
                                : file->name.empty() ? "images"
                                                     : file->name),
         .script = kPutScript,
         .arguments = {device.work_directory, file->path(), file->sha256, file->place == "programs" ? "700" : "600"},
         .input = file->bytes,
         .input_file = file->file,
         .stop = call.stop});
  }
}

cost::CostTable RemoteDevice::run(const Shipment& shipment, const RemoteCall& call, std::size_t& max_rows) const {
  std::string names;
  for (const ShippedFile& file : shipment.plan) names += file.sha256 + " " + file.name + "\n";
  measure::FrameReader reader;
  std::optional<std::string> result;
  const auto on_output = [&](std::string_view bytes) {
    reader.feed(bytes);
    while (const std::optional<measure::Frame> frame = reader.next(ssh_.name())) {
      if (frame->kind == "result") result = frame->payload;
      if (frame->kind != "progress") continue;
      const measure::JobProgress progress = progress_from_json(frame->payload, ssh_.name());
      max_rows = std::max(max_rows, progress.rows_done);
      if (call.progress) call.progress(progress);
    }
  };
  ssh_.run({.doing = "measuring",
            .script = kRunScript,
            .arguments = {ssh_.device().work_directory, shipment.program.sha256, shipment.plan_name,
                          shipment.images.sha256, to_json(shipment.job).dump(), shipment.state_name},
            .input = names,
            .on_output = on_output,
            .stop = call.stop});
  if (!result) {
    throw DeviceVanished(DeviceProblem::vanished, std::format("{}: measuring: {}", ssh_.name(),
                                                              reader.inside() ? "the answer ended in the middle"
                                                                              : "it ended without an answer"));
  }
  return cost::cost_table_from_json(parse_json(*result, ssh_.name()), ssh_.name());
}

void RemoteDevice::forget(const Shipment& shipment, const RemoteCall& call) const {
  ssh_.run({.doing = "cleaning up",
            .script = kForgetScript,
            .arguments = {ssh_.device().work_directory, shipment.plan_name, shipment.state_name},
            .stop = call.stop});
}

}  // namespace triage::remote
