#include "report/draw/draw_policies.h"

#include <algorithm>
#include <cmath>

#include "report/draw/picture_text.h"

namespace triage::report {
namespace {

struct LineStyle {
  double width;
  const char* dash;
};
LineStyle line_style(const std::string& policy) {
  if (policy == "learned") return {4.0, "1"};
  if (policy == "random") return {1.6, "'_'"};
  if (policy == "oracle") return {1.4, "'-.'"};
  return {1.8, "1"};
}

// One row of keys across the picture, in a panel of its own below the others.
void legend(Script& script, const std::vector<std::string>& keys, const Picture& picture) {
  const double w = picture.width, h = picture.height;
  std::vector<std::string> parts{"NaN notitle"};
  parts.insert(parts.end(), keys.begin(), keys.end());
  script.area(10, w - 10, h - 30, h - 4, w, h)
      .add("unset label\nunset border\nunset tics\nunset xlabel\nunset ylabel\nunset grid")
      .add("set xrange [0:1]\nset yrange [0:1]")
      .add("set key center center horizontal maxrows 1 Left reverse samplen 2.2 width 0 noautotitle")
      .plot(parts);
}

std::vector<std::string> keys_of(const Evaluation& evaluation, const Theme& theme, bool with_oracle) {
  std::vector<std::string> keys;
  for (const Policy* policy : by_merit(evaluation)) {
    if (policy->name == "oracle" && !with_oracle) continue;
    keys.push_back(
        std::format("keyentry {} title {}", with_line(theme, policy->name), words(policy_title(policy->name))));
  }
  return keys;
}

}  // namespace

double line_width(const std::string& policy) { return line_style(policy).width; }

std::string with_line(const Theme& theme, const std::string& policy) {
  const LineStyle style = line_style(policy);
  return std::format("with lines lw {} dt {} lc rgb '{}'", style.width, style.dash, policy_color(theme, policy));
}

std::vector<const Policy*> by_merit(const Evaluation& evaluation) {
  std::vector<const Policy*> policies;
  for (const Policy& policy : evaluation.policies) policies.push_back(&policy);
  const auto rank = [](const Policy* policy) {
    return policy->name == "oracle" ? 0 : policy->name == "random" ? 2 : 1;
  };
  std::ranges::stable_sort(policies, [&](const Policy* a, const Policy* b) {
    return rank(a) != rank(b) ? rank(a) < rank(b) : a->apgr.value > b->apgr.value;
  });
  return policies;
}

std::vector<const Policy*> drawing_order(const Evaluation& evaluation) {
  std::vector<const Policy*> policies = by_merit(evaluation);
  std::ranges::reverse(policies);
  std::ranges::stable_partition(
      policies, [](const Policy* policy) { return policy->name == "learned" || policy->name == "random"; });
  return policies;
}

std::string axes(const Range& x, const Range& y) {
  return std::format("set xrange [{:.9g}:{:.9g}]\nset yrange [{:.9g}:{:.9g}]\n", x.low, x.high, y.low, y.high);
}

std::string percent_tics(const Range& range) {
  const double rough = (range.high - range.low) / 6, power = std::pow(10, std::floor(std::log10(rough)));
  const double step = power * (rough / power < 1.5 ? 1 : rough / power < 3.5 ? 2 : rough / power < 7.5 ? 5 : 10);
  return std::format("set ytics {:.9g},{:.9g},100\n", std::ceil(range.low / step) * step, step);
}

std::string boxed_label(int tag, const std::string& text, double x, double y, const char* align, double dx, double dy,
                        const std::string& color, bool bold) {
  return std::format(
      "set label {} {} at {:.9g},{:.9g} {} offset character {},{} front boxed textcolor rgb '{}'{} noenhanced\n", tag,
      words(text), x, y, align, dx, dy, color, bold ? " font 'DejaVu Sans:Bold,10'" : "");
}

std::string one_or_two(const Run& run, const Picture& picture, const Theme& theme, double top, bool with_oracle,
                       const CurvePanel& panel) {
  const double w = picture.width, h = picture.height, bottom = h - 88;
  const Evaluation& test = run.results.test;
  const auto name = [](const char* kind, const Evaluation& evaluation) {
    return std::format("{}: {}, {} images", kind, evaluation.dataset, grouped(evaluation.count));
  };
  const double split = run.results.shift ? w / 2 - 15 : w - 20;
  Script script;
  script.add("set multiplot").area(kCurveLeft, split, top, bottom, w, h);
  panel(script, test, name(test.split == "test" ? "Test" : test.split.c_str(), test), split - kCurveLeft);
  if (run.results.shift) {
    script.area(w / 2 + kCurveLeft, w - 15, top, bottom, w, h);
    panel(script, *run.results.shift, name("Shifted", *run.results.shift), w / 2 - kCurveLeft - 15);
  }
  legend(script, keys_of(test, theme, with_oracle), picture);
  return script.add("unset multiplot").text();
}

}  // namespace triage::report
