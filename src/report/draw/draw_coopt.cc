#include <algorithm>
#include <array>

#include "core/error.h"
#include "report/coopt.h"
#include "report/draw/draw_policies.h"
#include "report/draw/figures.h"
#include "report/draw/picture_text.h"

namespace triage::report {
namespace {

// Okabe and Ito's colours (2008); the deployed model's is the first.
constexpr std::array kModelColors{"#009e73", "#d55e00", "#0072b2", "#cc79a7", "#e69f00"};

std::vector<std::string> model_colors(const CooptPicture& coopt) {
  std::vector<std::string> colors;
  std::size_t next = 1;
  for (const CooptPicture::Model& model : coopt.models)
    colors.emplace_back(model.deployed ? kModelColors[0] : kModelColors[1 + (next++ - 1) % (kModelColors.size() - 1)]);
  return colors;
}

std::string model_line(const CooptPicture::Model& model, const std::string& color) {
  return std::format("with lines lw {} lc rgb '{}'", model.deployed ? 4.0 : 2.2, color);
}

std::string anew_line(const std::string& color) { return std::format("with lines lw 1.4 dt '.' lc rgb '{}'", color); }

// Left: what the plans of each model really cost.
void cost_panel(Script& script, const CooptPicture& coopt, const Theme& theme) {
  const std::vector<std::string> colors = model_colors(coopt);
  Range x, y;
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < coopt.models.size(); ++i) {
    for (const CooptPicture::Point& point : coopt.models[i].points) {
      x.include(point.cost);
      y.include(100 * point.accuracy);
    }
    parts.push_back(std::format("$model{} using 2:1 {}", i, model_line(coopt.models[i], colors[i])));
  }
  y = y.padded(0.04, 0.04);
  script.raw(panel_title(theme, "Plans at what they really cost"))
      .raw(axes(x.padded(0.03, 0.03), y))
      .raw(percent_tics(y))
      .add("set xlabel {}\nset ylabel 'validation accuracy (%)'\nset xtics auto\nunset key", words(coopt.cost_title))
      .plot(parts);
}

// Right: how much more expensive than the plan chosen under the deployed costs.
void regret_panel(Script& script, const CooptPicture& coopt, const Theme& theme) {
  const std::vector<std::string> colors = model_colors(coopt);
  Range x, means, bounds;
  means.include(0);
  std::vector<std::string> bands, lines{std::format("0 with lines lw 1.2 lc rgb '{}'", theme.muted)};
  for (std::size_t i = 0; i < coopt.models.size(); ++i) {
    if (coopt.models[i].deployed) continue;
    for (const CooptPicture::Point& point : coopt.models[i].points) {
      x.include(100 * point.accuracy);
      for (const double percent : {point.regret, point.structure}) means.include(percent);
      for (const double percent : {point.low, point.high}) bounds.include(percent);
    }
    bands.push_back(std::format("$model{} using 1:4:5 with filledcurves fs transparent solid 0.18 noborder lc rgb '{}'",
                                i, colors[i]));
    lines.push_back(std::format("$model{} using 1:3 {}", i, model_line(coopt.models[i], colors[i])));
    lines.push_back(std::format("$model{} using 1:6 {}", i, anew_line(colors[i])));
  }
  bands.insert(bands.end(), lines.begin(), lines.end());
  // Of few seeds a band may be many times as wide as what it surrounds, which must stay readable.
  const Range most = means.padded(0.5, 0.5);
  const Range y{std::min(means.low, std::max(bounds.low, most.low)),
                std::max(means.high, std::min(bounds.high, most.high))};
  script.raw(panel_title(theme, "Regret of deploying them"))
      .raw(axes(x.padded(0.02, 0.02), y.padded(0.06, 0.06)))
      .add("set ytics auto\nset xtics auto\nset xlabel 'validation accuracy wanted (%)'")
      .add("set ylabel {}",
           words(coopt.seeds > 1 ? std::format("regret (%), mean of {} seeds and 95 % band", coopt.seeds)
                                 : std::string("regret (%), one seed")))
      .plot(bands);
}

// Below both, so that it covers nothing.
void coopt_legend(Script& script, const CooptPicture& coopt, const Picture& picture, const Theme& theme) {
  const std::vector<std::string> colors = model_colors(coopt);
  std::vector<std::string> parts{"NaN notitle"};
  for (std::size_t i = 0; i < coopt.models.size(); ++i) {
    parts.push_back(std::format("keyentry {} title {}", model_line(coopt.models[i], colors[i]),
                                words("chosen under " + coopt.models[i].title)));
  }
  parts.push_back(std::format("keyentry {} title 'thresholds solved anew'", anew_line(theme.muted)));
  const double w = picture.width, h = picture.height;
  script.area(10, w - 10, h - 46, h - 10, w, h)
      .add("unset label\nunset border\nunset tics\nunset xlabel\nunset ylabel\nunset grid")
      .add("set xrange [0:1]\nset yrange [0:1]")
      .add("set key center center horizontal maxrows 1 Left reverse samplen 2.2 width 0 noautotitle")
      .plot(parts);
}

std::string coopt_body(const CooptPicture& coopt, const Picture& picture, const Theme& theme) {
  const double w = picture.width, h = picture.height, bottom = h - 104;
  Script script;
  for (std::size_t i = 0; i < coopt.models.size(); ++i) {
    std::vector<std::vector<double>> rows;
    for (const CooptPicture::Point& p : coopt.models[i].points)
      rows.push_back({100 * p.accuracy, p.cost, p.regret, p.low, p.high, p.structure});
    script.block(std::format("model{}", i), rows);
  }
  script.add("set multiplot").area(82, w / 2 - 20, 48, bottom, w, h);
  cost_panel(script, coopt, theme);
  script.area(w / 2 + 72, w - 24, 48, bottom, w, h);
  regret_panel(script, coopt, theme);
  coopt_legend(script, coopt, picture, theme);
  return script.add("unset multiplot").text();
}

}  // namespace

void draw_coopt(const CooptPicture& coopt, const fs::path& path) {
  if (coopt.models.size() < 2 ||
      std::ranges::any_of(coopt.models, [](const auto& model) { return model.points.empty(); }))
    fail("{}: expected two cost models with plans to draw, found fewer", path.string());
  Drawing drawing;
  drawing.picture = {.name = "coopt", .title = "Plans under several cost models"};
  drawing.body = [&](const Run&, const Picture& picture, const Theme& theme) {
    return coopt_body(coopt, picture, theme);
  };
  render(Run{}, drawing, light_theme(), path);
}

}  // namespace triage::report
