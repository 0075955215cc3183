// The measured curves of the plans that serve, for the page. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "serving/plan_repository.h"
#include "triage/curve.h"

namespace triage::serving {

class PlanCurves {
 public:
  void read(const PlanToWatch& plan);  // its curve.json; a damaged one is a warning, none is none
  std::shared_ptr<const PlanCurve> find(const std::string& name, const std::string& version) const;  // null: none

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const PlanCurve>> curves_;
};

}  // namespace triage::serving
