#include "serving/scheduler.h"

#include "serving/lane.h"

namespace triage::serving {

Scheduler::Scheduler(std::shared_ptr<runtime::StageSet> stages, std::shared_ptr<Workers> workers,
                     SchedulerOptions options, std::vector<std::shared_ptr<Observer>> observers)
    : workers_(std::move(workers)),
      lane_(std::make_shared<Lane>(std::move(stages), *workers_, std::move(options), std::move(observers))) {
  workers_->add(lane_);
}

Scheduler::~Scheduler() { lane_->close(); }

Submitted Scheduler::submit(Request request) { return lane_->submit(std::move(request)); }
void Scheduler::stop() { lane_->stop(); }
void Scheduler::drain() { lane_->drain(); }

void Scheduler::set_thresholds(std::span<const double> thresholds) {
  runtime::LiveThresholds& own = lane_->stages().thresholds();
  runtime::check_thresholds(thresholds, own.size(), lane_->stages().plan().name);
  own.set(thresholds);
}

std::vector<double> Scheduler::thresholds() const { return lane_->stages().thresholds().values(); }
void Scheduler::set_audit_share(double share) { lane_->set_audit_share(share); }
QueueState Scheduler::queue() const { return lane_->state(); }
const runtime::StageSet& Scheduler::stages() const { return lane_->stages(); }

}  // namespace triage::serving
