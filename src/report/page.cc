#include "report/page.h"

#include <format>

#include "report/html.h"
#include "report/tables.h"

namespace triage::report {
namespace {

constexpr const char* kStyle = R"css(
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:16px/1.55 "DejaVu Sans",system-ui,sans-serif}
main{max-width:1160px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:30px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em}
h2{font-size:20px;margin:48px 0 6px;letter-spacing:-.005em}
p{margin:0 0 12px;color:var(--muted);max-width:82ch}
p.lead{color:var(--text);font-size:17px;margin:18px 0 0}
nav{display:flex;flex-wrap:wrap;gap:4px 16px;margin:22px 0 0;font-size:14px}
a{color:var(--learned);text-decoration:none}
a:hover{text-decoration:underline}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:14px;margin:26px 0 0}
.tile{background:var(--panel);border:1px solid var(--grid);border-radius:12px;padding:16px 18px;display:flex;flex-direction:column}
.tile span{font-size:14px;color:var(--muted)}
.tile b{font-size:32px;line-height:1.25;font-variant-numeric:tabular-nums;white-space:nowrap}
.tile small{font-size:13px;color:var(--muted);line-height:1.4;margin-top:2px}
figure{margin:10px 0 0;background:var(--card);border:1px solid var(--grid);border-radius:12px;padding:10px;overflow:hidden}
figure img{display:block;width:100%;height:auto}
.scroll{overflow-x:auto;margin-top:10px;border:1px solid var(--grid);border-radius:12px;background:var(--card)}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:7px 12px;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}
tr:last-child td{border-bottom:0}
th{font-weight:600;color:var(--muted);background:var(--panel)}
th:first-child,td:first-child{text-align:left}
td.b{font-weight:600}
.confusion th,.confusion td{padding:6px 8px;text-align:center;font-size:13px}
.confusion td:first-child{text-align:left}
.provenance td{text-align:left;white-space:normal;overflow-wrap:anywhere}
.provenance th{text-align:left}
.provenance td:first-child{white-space:nowrap;color:var(--muted)}
.dot{display:inline-block;width:10px;height:10px;border-radius:50%;margin-right:8px}
.note{border-left:3px solid var(--confidence);padding-left:12px}
@media print{nav{display:none}h2{break-after:avoid}figure,.scroll{break-inside:avoid}}
)css";

// The page says how many pictures it has and how many a browser could show: read by the test.
constexpr const char* kScript = R"js(
addEventListener('load',()=>{const all=[...document.images];
document.body.dataset.pictures=all.length;
document.body.dataset.pictureswithsize=all.filter(i=>i.complete&&i.naturalWidth>0).length;});
)js";

std::string variables(const Theme& theme) {
  std::string css =
      std::format("--bg:{};--card:{};--panel:{};--text:{};--muted:{};--grid:{};", theme.dark ? "#10141a" : "#fbfcfd",
                  theme.background, theme.panel, theme.text, theme.muted, theme.grid);
  for (const char* policy : {"learned", "confidence", "entropy", "margin", "random", "oracle"}) {
    css += std::format("--{}:{};", policy, policy_color(theme, policy));
  }
  return css;
}

std::string figure(const PagePicture& item) {
  const Picture& p = item.picture;
  return std::format(
      "<section id=\"{}\"><h2>{}</h2><p>{}</p>\n<figure><picture>"
      "<source media=\"(prefers-color-scheme: dark)\" srcset=\"data:image/png;base64,{}\">"
      "<img src=\"data:image/png;base64,{}\" width=\"{}\" height=\"{}\" alt=\"{}\"></picture></figure></section>\n",
      escape(p.name), escape(p.title), escape(p.how_to_read), base64(item.dark_png), base64(item.light_png), p.width,
      p.height, escape(p.title + ". " + p.how_to_read));
}

// Numbers stay on one line with their units.
std::string keep_units(std::string text) {
  for (const char* unit : {" %", " µs", " ms", " µJ", " mJ", " points"}) {
    for (std::size_t at = 0; (at = text.find(unit, at)) != std::string::npos; at += 2) text.replace(at, 1, "\u00a0");
  }
  return text;
}

std::string lead(const Results& results) {
  const Evaluation& test = results.test;
  const OperatingPoint& chosen = test.operating_point;
  std::string text =
      std::format("{} answers {} {} images of {} with {} accuracy at {} per image on average (routed by: {}).",
                  results.plan.name, grouped(test.count), test.split, test.dataset, percent(chosen.accuracy, 2),
                  duration_us(chosen.latency_us), policy_title(chosen.policy));
  if (results.shift) {
    text += std::format(" On the shifted images of {} the same plan reaches {} at {}.", results.shift->dataset,
                        percent(results.shift->operating_point.accuracy, 2),
                        duration_us(results.shift->operating_point.latency_us));
  }
  return text;
}

std::vector<std::string> warnings(const Results& results) {
  std::vector<std::string> out;
  if (results.test.split != "test")
    out.push_back("These are figures of the " + results.test.split + " split, not of the test split.");
  for (const std::string& text : results.test.warnings) out.push_back("Warning: " + text + ".");
  for (const std::string& text : results.plan.warnings) out.push_back("Warning when the plan was made: " + text + ".");
  return out;
}

}  // namespace

std::string page(const Run& run, const std::vector<PagePicture>& pictures, const std::vector<std::string>& notes) {
  const Results& results = run.results;
  const std::vector<Section> sections = table_sections(run);
  std::string html = std::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
      "'unsafe-inline'; "
      "script-src 'unsafe-inline'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>{0} · Triage report</title>\n"
      "<style>:root{{color-scheme:light "
      "dark;{1}}}\n@media(prefers-color-scheme:dark){{:root{{{2}}}}}{3}</style></head>\n"
      "<body><main>\n<header><h1>{0}</h1><p>Triage report: {4}</p></header>\n",
      escape(results.plan.name), variables(light_theme()), variables(dark_theme()), kStyle,
      escape(std::format("{}, {} stages, policy {}", results.test.dataset, results.plan.stages.size(),
                         results.plan.policy)));
  html += keep_units(headline(results));
  html += std::format("<p class=\"lead\">{}</p>\n<nav>", escape(keep_units(lead(results))));
  for (const PagePicture& item : pictures) {
    html += std::format("<a href=\"#{}\">{}</a>", escape(item.picture.name), escape(item.picture.title));
  }
  for (const Section& section : sections) {
    html += std::format("<a href=\"#{}\">{}</a>", escape(section.id), escape(section.title));
  }
  html += "</nav>\n";
  for (const std::string& note : warnings(results)) html += std::format("<p class=\"note\">{}</p>\n", escape(note));
  for (const std::string& note : notes) html += std::format("<p class=\"note\">{}</p>\n", escape(note));
  for (const PagePicture& item : pictures) html += figure(item);
  for (const Section& section : sections) {
    html += std::format("<section id=\"{}\"><h2>{}</h2><p>{}</p>\n{}</section>\n", escape(section.id),
                        escape(section.title), escape(section.note), section.html);
  }
  return html + "</main><script>" + kScript + "</script></body></html>\n";
}

}  // namespace triage::report
