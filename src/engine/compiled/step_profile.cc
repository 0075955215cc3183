#include "engine/compiled/step_profile.h"

#include "core/json.h"

namespace triage::engine {

StepProfile::Run::Run(StepProfile* profile) : profile_(profile) {
  if (!profile_) return;
  lock_ = std::unique_lock(profile_->mutex_);
  last_ = std::chrono::steady_clock::now();
}

void StepProfile::Run::step_done() {
  if (!profile_) return;
  const auto now = std::chrono::steady_clock::now();
  profile_->us_.push_back(std::chrono::duration<float, std::micro>(now - last_).count());
  last_ = std::chrono::steady_clock::now();
}

StepProfile::~StepProfile() {
  try {
    Json events = Json::array();
    for (std::size_t i = 0; i < us_.size(); ++i)
      events.push_back({{"cat", "Node"}, {"name", names_[i % names_.size()] + "_kernel_time"}, {"dur", us_[i]}});
    write_file_atomic(prefix_ + "_steps.json", events.dump());
  } catch (const std::exception&) {
    return;  // who reads the file says that it is not there
  }
}

}  // namespace triage::engine
