#include <algorithm>

#include "core/error.h"
#include "report/draw/draw_policies.h"
#include "report/draw/figures.h"
#include "report/draw/picture_text.h"
#include "report/subnets.h"

namespace triage::report {
namespace {

std::string subnets_body(const SubnetPicture& subnets, const Picture& picture, const Theme& theme) {
  Range x, y;
  std::vector<std::vector<double>> sampled, alone, inherited, lost;
  for (const SubnetPicture::Sampled& subnet : subnets.sampled) {
    sampled.push_back({subnet.macs / 1e6, 100 * subnet.accuracy});
    x.include(sampled.back()[0]);
    y.include(sampled.back()[1]);
  }
  for (const SubnetPicture::Pair& pair : subnets.pairs) {
    alone.push_back({pair.macs / 1e6, 100 * pair.alone});
    inherited.push_back({pair.macs / 1e6, 100 * pair.inherited});
    lost.push_back({pair.macs / 1e6, 100 * pair.inherited, 0, 100 * (pair.alone - pair.inherited)});
    x.include(alone.back()[0]);
    y.include(alone.back()[1]);
    y.include(inherited.back()[1]);
  }
  const std::string sampled_color = stage_color(theme, 0, 2), pair_color = stage_color(theme, 1, 2);
  const double w = picture.width, h = picture.height;
  Script script;
  std::vector<std::string> parts;
  if (!sampled.empty()) {
    script.block("sampled", sampled);
    parts.push_back(std::format("$sampled with points pt 7 ps 0.55 lc rgb '{}' title {}", sampled_color,
                                words(std::format("{} subnets, the supernet's weights", grouped(sampled.size())))));
  }
  if (!lost.empty()) {
    script.block("lost", lost).block("alone", alone).block("inherited", inherited);
    parts.push_back(std::format("$lost with vectors nohead lw 1.4 lc rgb '{}' notitle", pair_color));
    parts.push_back(std::format("$inherited with points pt 6 ps 1.1 lw 1.6 lc rgb '{}' title {}", pair_color,
                                words("chosen subnets, the supernet's weights")));
    parts.push_back(std::format("$alone with points pt 13 ps 1.5 lc rgb '{}' title {}", pair_color,
                                words("the same nets trained alone, as many epochs")));
  }
  x = x.padded(0.03, 0.03);
  y = y.padded(0.06, 0.08);
  script.area(82, w - 24, 48, h - 60, w, h)
      .raw(panel_title(theme, picture.title))
      .raw(axes(x, y))
      .add("set xlabel 'million multiply-adds per image'\nset ylabel 'validation accuracy (%)'")
      .add("set key bottom right Left reverse samplen 1.5")
      .plot(parts);
  return script.text();
}

}  // namespace

void draw_subnets(const SubnetPicture& subnets, const fs::path& path) {
  if (subnets.sampled.empty() && subnets.pairs.empty()) {
    fail("{}: expected subnets to draw, found none", path.string());
  }
  Drawing drawing;
  drawing.picture = {.name = "subnets", .title = "One supernet: accuracy of its subnets against their cost"};
  drawing.body = [&](const Run&, const Picture& picture, const Theme& theme) {
    return subnets_body(subnets, picture, theme);
  };
  render(Run{}, drawing, light_theme(), path);
}

}  // namespace triage::report
