// RemoteDevice: measures on another machine what measure/stages/stages.h measures on this one.
//
// The measuring program, stage files and images are copied there once, by the hash of their content, into
// Device::work_directory: programs/, files/ (kept), plans/ and state/ (of a measurement that is not finished). The
// program writes what it measured into its state file there, part by part (Job::interleaved). When the device goes away
// it is tried again, Device::retries times in a row without a new row; then DeviceVanished is thrown. Nothing is lost:
// a later call for the same stages, images and options goes on with the rows that are missing.
#pragma once

#include <functional>
#include <string>

#include "measure/job.h"
#include "plan/plan.h"
#include "remote/ssh.h"

namespace triage::remote {

struct Shipment;

struct RemoteCall {
  bool fresh = false;  // forget what an unfinished measurement left there
  std::function<void(const measure::JobProgress&)> progress;
  std::function<void(const std::string&)> say;  // a line for people: what is copied, why it is tried again
  StopToken stop;
};

// Not thread-safe; several devices can be used from several threads.
class RemoteDevice {
 public:
  explicit RemoteDevice(Device device) : ssh_(std::move(device)) {}

  // Both block until everything is measured. Where the job names no cores, the device's are used; its priority replaces
  // Job::nice. The table carries the device's name. Throw DeviceVanished (come back later), DeviceError (retrying does
  // not help), Error (bad plan, images or options), Interrupted (the same call goes on).
  cost::CostTable measure_plan(const fs::path& plan_directory, measure::Images images, const measure::Job& job,
                               const RemoteCall& call = {}) const;
  // Stages alone, without routers and thresholds: their files lie in `directory`.
  cost::CostTable measure_stages(const plan::Plan& plan, const fs::path& directory, measure::Images images,
                                 const measure::Job& job, const RemoteCall& call = {}) const;

 private:
  cost::CostTable measure(const Shipment& shipment, const RemoteCall& call) const;
  cost::CostTable attempt(const Shipment& shipment, const RemoteCall& call, std::size_t& max_rows, bool& fresh) const;
  void copy_what_is_missing(const Shipment& shipment, const RemoteCall& call) const;
  cost::CostTable run(const Shipment& shipment, const RemoteCall& call, std::size_t& max_rows) const;
  void forget(const Shipment& shipment, const RemoteCall& call) const;

  Ssh ssh_;
};

}  // namespace triage::remote
