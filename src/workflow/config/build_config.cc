#include "workflow/config/build_config.h"

#include "cost/cost_config.h"

namespace triage::workflow {

namespace {
constexpr const char* kAuto = "auto";
}

std::optional<plan::PolicyKind> policy_or_auto(const std::string& text, const std::string& where) {
  if (text == kAuto) return std::nullopt;
  try {
    return plan::policy_from_string(text, where);
  } catch (const Error& error) {
    fail("{} (or auto)", error.what());
  }
}

void read_build_config(ConfigSection section, BuildConfig& build, const std::string& origin) {
  std::string policy = build.policy ? plan::to_string(*build.policy) : kAuto;
  section.read("policy", policy);
  build.policy = policy_or_auto(policy, origin + ": build.policy");
  section.read("answers_together", build.answers_together);
  section.read("single_net", build.single_net);
  if (section.has("latency_us")) section.read("latency_us", build.target.latency_us.emplace(), 0, 1e9);
  if (section.has("accuracy")) section.read("accuracy", build.target.accuracy.emplace(), 0, 1);
  if (section.has("max_drop")) section.read("max_drop", build.target.max_drop.emplace(), 0, 1);
  if (build.target.latency_us.has_value() + build.target.accuracy.has_value() + build.target.max_drop.has_value() > 1)
    section.fail_at(build.target.max_drop ? "max_drop" : "accuracy", "only one of latency_us, accuracy and max_drop");
  std::string metric = plan::to_string(build.metric);
  section.read("metric", metric);
  build.metric = plan::metric_from_string(metric, origin + ": build.metric");
  section.read("profile_seconds", build.profile_seconds, 0.01, 3600);
  cost::read_budgets(section.section("budget"), build.budgets);
  section.finish();
}

}  // namespace triage::workflow
