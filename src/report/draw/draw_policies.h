// What the drawings of routing curves share: line styles, order, axes, labels, the legend.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "report/draw/draw.h"
#include "report/draw/theme.h"
#include "report/run.h"

namespace triage::report {

inline constexpr double kCurveLeft = 78;          // CSS pixels for tick labels and axis title
inline constexpr const char* kShiftDash = "'-'";  // of curves of the shifted data set

double line_width(const std::string& policy);
std::string with_line(const Theme& theme, const std::string& policy);  // "with lines lw ... lc ..."

// Best first; the oracle opens and random closes the list.
std::vector<const Policy*> by_merit(const Evaluation& evaluation);

struct Range {
  double low = 1e300, high = -1e300;
  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  Range padded(double below, double above) const {
    const bool wide = high - low > 1e-6 * std::abs(high);  // less would vanish in the script's digits
    const double span = wide ? high - low : std::max(std::abs(high), 1.0);
    return {low - below * span, high + above * span};
  }
};

// Back to front: the learned router's line is broad and lies below the others, so that equal curves all show.
std::vector<const Policy*> drawing_order(const Evaluation& evaluation);

std::string axes(const Range& x, const Range& y);

// Marks on an axis of percentages: about six, none above 100.
std::string percent_tics(const Range& range);

// A label whose background hides the lines below it; dx, dy in characters.
std::string boxed_label(int tag, const std::string& text, double x, double y, const char* align, double dx, double dy,
                        const std::string& color, bool bold = false);

// One panel over the whole picture, or two side by side when there is a shifted data set; the legend below. `panel`
// draws into the area that is set; panel_px is its width.
using CurvePanel =
    std::function<void(Script& script, const Evaluation& evaluation, const std::string& title, double panel_px)>;
std::string one_or_two(const Run& run, const Picture& picture, const Theme& theme, double top, bool with_oracle,
                       const CurvePanel& panel);

}  // namespace triage::report
