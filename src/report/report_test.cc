#include "report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <set>

#include "data/image/image.h"
#include "report/coopt.h"
#include "report/draw/figures.h"
#include "report/draw/gnuplot.h"
#include "report/draw/picture_text.h"
#include "report/fixture_test.h"
#include "report/html.h"
#include "report/page.h"
#include "report/run.h"
#include "report/subnets.h"

namespace triage::report {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

// A new directory's name; what is there goes with the object.
class Scratch {
 public:
  explicit Scratch(const std::string& name) : path_(fs::path(testing::TempDir()) / name) { fs::remove_all(path_); }
  ~Scratch() { fs::remove_all(path_); }
  operator const fs::path&() const { return path_; }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

// Of results alone.
Run run_of(const Json& json) {
  Run run{.results = results::results_from_json(json, "test")};
  run.stages.resize(run.results.plan.stages.size());
  return run;
}

template <class Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// More than a few colours: something was drawn.
std::size_t colors(const data::Image& image) {
  std::set<std::uint32_t> seen;
  for (std::size_t i = 0; i + 2 < image.pixels.size(); i += 3) {
    seen.insert(image.pixels[i] << 16 | image.pixels[i + 1] << 8 | image.pixels[i + 2]);
  }
  return seen.size();
}

// Asked for by tests/report_chromium_test.sh, which opens the page that this one leaves behind.
TEST(Report, DISABLED_LeavesAPageForTheBrowser) {
  const fs::path run = fs::path(testing::TempDir()) / "triage_report_fixture";
  write_simulated_run(run);
  write_report(run);
}

TEST(Report, WritesPicturesAndOneSelfContainedPage) {
  const Scratch run("triage_report_page");
  write_simulated_run(run);
  const ReportFiles files = write_report(run);
  EXPECT_THAT(files.notes, testing::IsEmpty());

  std::vector<std::string> names;
  for (const fs::path& file : files.pictures) {
    names.push_back(file.filename().string());
    const std::string bytes = read_file(file);
    const data::Image image = data::decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
                                                 file.string());  // a real decoder
    EXPECT_EQ(image.width, 2240) << file;
    EXPECT_GE(image.height, 400) << file;
    EXPECT_LE(image.height, 2000) << file;
    EXPECT_GT(colors(image), 50u) << file;
    EXPECT_EQ(png_size(bytes, file.string()).width, image.width);
  }
  EXPECT_THAT(names, testing::UnorderedElementsAre("acc_vs_latency.png", "routing_gain.png",
                                                   "escalation_vs_threshold.png", "reliability.png", "per_class.png",
                                                   "latency.png", "training.png", "easiest.png", "hardest.png"));
  const std::string html = read_file(files.html);
  EXPECT_THAT(html, Not(HasSubstr("http:")));
  EXPECT_THAT(html, Not(HasSubstr("https:")));
  EXPECT_THAT(html, Not(ContainsRegex("(src|href|srcset)=\"[^d#]")));  // data URIs and anchors only
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
  for (const char* word :
       {"Accuracy", "Mean latency", "Speed-up", "Sent on", "Policies", "Stages", "Paired tests", "Distribution shift",
        "Provenance", "Simulated CPU", "412.5 µJ", "not available", "int8", "onnxruntime, cpu; onnxruntime, xnnpack"}) {
    EXPECT_THAT(html, HasSubstr(word));
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(run)) {
    EXPECT_NE(entry.path().extension(), ".tmp") << entry.path();
  }
}

TEST(Report, WorksWithTheLeastThatEvalWrites) {
  const Scratch run("triage_report_least");
  fs::create_directories(run);
  Json results = simulated_results({.shift = false, .learned = false});
  for (const char* key : {"calibration", "paired_tests", "latency", "examples"}) results["test"].erase(key);
  results["test"]["operating_point"].erase("confusion");
  results["test"]["operating_point"]["per_class"] = Json::array();
  write_json(run / "results.json", results);
  const fs::path out = run / "elsewhere";
  const ReportFiles files = write_report(run, {.output = out});
  EXPECT_EQ(files.html, out / "report.html");
  EXPECT_EQ(files.pictures.size(), 3u);
  EXPECT_FALSE(fs::exists(run / "report.html"));
}

TEST(Report, TheSpeedUpIsAgainstTheBestStageAlone) {
  const Scratch run("triage_report_best");
  fs::create_directories(run);
  Json results = simulated_results({.shift = false});
  Json& nets = results["test"]["static"];
  const std::string first = nets[0]["stage"], last = nets[1]["stage"];
  write_json(run / "results.json", results);
  EXPECT_THAT(read_file(write_report(run).html), HasSubstr("against " + last + " alone"));
  nets[0]["accuracy"] = nets[1]["accuracy"].get<double>() + 0.01;
  write_json(run / "results.json", results);
  EXPECT_THAT(read_file(write_report(run).html), HasSubstr("against " + first + " alone"));
}

TEST(Report, APlanOfOneStageHasNoRouting) {
  Json json = simulated_results({.shift = false});
  json["plan"]["stages"].erase(0);
  Json& test = json["test"];
  test["policies"] = Json::object();
  test["apgr_differences"] = Json::array();
  test["static"].erase(0);
  test["operating_point"]["thresholds"] = Json::array();
  test["operating_point"]["exit_share"] = {1.0};
  test["examples"] = {{"easiest", Json::array()}, {"hardest", Json::array()}};
  const Scratch run("triage_report_single");
  fs::create_directories(run);
  write_json(run / "results.json", json);
  const ReportFiles files = write_report(run);
  EXPECT_TRUE(fs::exists(run / "acc_vs_latency.png"));
  EXPECT_FALSE(fs::exists(run / "escalation_vs_threshold.png"));
  EXPECT_THAT(read_file(files.html), HasSubstr("100.0\u00a0% of the images"));
}

TEST(Report, NumbersThatDoNotExistAreDashes) {
  Json json = simulated_results({.shift = false});
  json["test"]["policies"]["margin"]["apgr"] = {{"value", nullptr}, {"interval", nullptr}};
  const report::Run run = run_of(json);
  EXPECT_THAT(page(run, {}, {}), HasSubstr("margin</td><td>–</td>"));
}

TEST(Report, TextFromFilesStaysText) {
  const Scratch run("triage_report_hostile");
  fs::create_directories(run);
  const fs::path evil = run / "evil";
  const std::string name =
      std::format("</td><script>x</script> `touch {0}` $(touch {0}) ' \" @m \\n {{/Bold b}} ^2", evil.string());
  Json results = simulated_results({.shift = false, .first_class = name});
  results["plan"]["name"] = name;
  results["test"]["dataset"] = name;
  results["provenance"]["note"] = name;
  write_json(run / "results.json", results);
  const ReportFiles files = write_report(run);
  EXPECT_FALSE(fs::exists(evil)) << "a command in a class name was run";
  const std::string html = read_file(files.html);
  EXPECT_THAT(html, Not(HasSubstr("<script>x")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;x"));
}

// What a file system allows in the name of a folder.
TEST(Report, AnyNamesAreDrawn) {
  const std::vector<std::string> names{"milk 3.5%",
                                       "50% off",
                                       "%s %d %n",
                                       "it's \"quoted\" \\n {/Bold b}",
                                       "a_b^c @d &e ~f #g $h `i`",
                                       "tab\there\nline",
                                       "中文 汉字",
                                       "日本語の長い長いクラス名です",
                                       "عربى",
                                       "🙂 ❤️",
                                       "\xf0\xb0\x80\x80 rare",
                                       "",
                                       "e\xcc\x81t\xc3\xa9"};
  Json json = simulated_results({.shift = true, .classes = static_cast<int>(names.size())});
  json["plan"]["classes"] = names;
  for (std::size_t c = 0; c < names.size(); ++c) {
    for (const char* set : {"test", "shift"}) json[set]["operating_point"]["per_class"][c]["class"] = names[c];
  }
  for (const char* set : {"test", "shift"}) json[set]["dataset"] = "50% {off} 'x'\n中";
  const Scratch run("triage_report_names");
  fs::create_directories(run);
  write_json(run / "results.json", json);
  const ReportFiles files = write_report(run);
  EXPECT_EQ(files.pictures.size(), 5u);
  const std::string html = read_file(files.html);
  for (const char* name : {"milk 3.5%<", "50% off<", "中文 汉字<", "tab\\x09here"}) EXPECT_THAT(html, HasSubstr(name));
}

TEST(PictureText, IsWhatFontsHave) {
  EXPECT_EQ(drawable("milk 3.5% µ"), "milk 3.5% µ");
  EXPECT_EQ(drawable("\xf3\xbf\xbf\xbd"), "U+FFFFD");  // a character of private use that no font has
  EXPECT_EQ(drawable("a\xff\tb"), "a\\xff\\x09b");
  EXPECT_EQ(tic_words("50% off's"), "'50%% off''s'");
  EXPECT_EQ(words("50% off"), "'50% off'");
}

TEST(Report, FiguresWithoutImagesAreDashes) {
  Json json = simulated_results({.shift = false});
  Json& at = json["test"]["operating_point"];
  at["exit_accuracy"] = {0.91, nullptr};
  Json& none = at["per_class"][2];
  none = {{"class", "empty"},     {"count", 0},    {"recall", nullptr},
          {"precision", nullptr}, {"f1", nullptr}, {"escalation", nullptr}};
  for (Json& bin : json["test"]["calibration"][0]["before"]["bins"]) {
    if (bin["count"] == 0) bin["accuracy"] = bin["confidence"] = nullptr;
  }
  json["test"]["warnings"] = {"little alone is as good"};
  json["test"]["split"] = "validation";
  const report::Run run = run_of(json);
  const std::string html = page(run, {}, {});
  EXPECT_THAT(html, HasSubstr("empty</td><td>0</td><td>–</td><td>–</td><td>–</td><td>–</td>"));
  EXPECT_THAT(html, HasSubstr("Warning: little alone is as good."));
  EXPECT_THAT(html, HasSubstr("figures of the validation split, not of the test split"));
  const Scratch out("triage_report_empty_class");
  fs::create_directories(out);
  for (const Drawing& drawing : drawings(run)) EXPECT_FALSE(render(run, drawing, light_theme(), out / "x.png").empty());
  // A file of version 1 has zeros there.
  none = {{"class", "empty"}, {"count", 0}, {"accuracy", 0.0}, {"escalation", 0.0}};
  EXPECT_FALSE(results::results_from_json(json, "test").test.operating_point.per_class[2].recall.has_value());
}

TEST(Report, AHundredClassesAreDrawnAndListed) {
  const report::Run run = run_of(simulated_results({.shift = false, .classes = 100}));
  const Scratch out("triage_report_hundred");
  fs::create_directories(out);
  for (const Drawing& drawing : drawings(run)) {
    if (drawing.picture.name != "per_class") continue;
    const PngSize size = png_size(render(run, drawing, dark_theme(), out / "per_class.png"), "per_class.png");
    EXPECT_GT(size.height, 2500);
    EXPECT_LT(size.height, 4000);
  }
  const std::string html = page(run, {}, {});
  EXPECT_THAT(html, HasSubstr("The most frequent mistakes"));
}

TEST(Subnets, AreDrawnWithTheNetsTrainedAlone) {
  const Scratch scratch("triage_report_subnets");
  fs::create_directories(scratch);
  SubnetPicture subnets;
  for (int i = 0; i < 200; ++i) subnets.sampled.push_back({5e6 + 5e5 * i, 0.85 + 0.0004 * i});
  subnets.pairs = {{2e7, 0.90, 0.89}, {1e8, 0.935, 0.934}};
  draw_subnets(subnets, scratch / "subnets.png");
  EXPECT_GT(colors(data::load_image(scratch / "subnets.png")), 20u);
  EXPECT_THAT(error_of([&] { draw_subnets({}, scratch / "none.png"); }), HasSubstr("none.png: expected subnets"));
  EXPECT_FALSE(fs::exists(scratch / "none.png"));
}

TEST(Coopt, IsDrawnWithRegretAndItsBands) {
  const Scratch scratch("triage_report_coopt");
  fs::create_directories(scratch);
  CooptPicture coopt{.cost_title = "mean latency (us), costs of 'compiled'", .models = {}, .seeds = 3};
  for (const auto& [name, most] : {std::pair{"cpu", 14.0}, {"compiled-untuned", 5.0}, {"compiled", 0.0}}) {
    CooptPicture::Model& model =
        coopt.models.emplace_back(std::format("'{}'", name), most == 0, std::vector<CooptPicture::Point>{});
    for (int i = 0; i <= 140; ++i) {
      const double accuracy = 0.80 + 0.001 * i, hill = std::exp(-std::pow((i - 90) / 30.0, 2));
      const double regret = most * (0.2 + hill + 0.1 * std::sin(i)), cost = 40 * std::exp(0.018 * i);
      model.points.push_back(
          {accuracy, cost * (1 + regret / 100), regret, regret - 2 - 3 * hill, regret + 2 + 3 * hill, 0.8 * regret});
    }
  }
  draw_coopt(coopt, scratch / "coopt.png");
  EXPECT_GT(colors(data::load_image(scratch / "coopt.png")), 20u);
  coopt.models.pop_back();
  coopt.models.pop_back();
  EXPECT_THAT(error_of([&] { draw_coopt(coopt, scratch / "none.png"); }),
              HasSubstr("none.png: expected two cost models"));
  EXPECT_FALSE(fs::exists(scratch / "none.png"));
}

TEST(Report, SaysWhatIsMissing) {
  const Scratch run("triage_report_missing");
  fs::create_directories(run);
  EXPECT_THAT(error_of([&] { write_report(run); }), HasSubstr("results.json: not found; `triage eval` writes it"));
  Json results = simulated_results({.shift = false});
  results["test"]["path"] = "/nowhere/cifar10.tds";
  write_json(run / "results.json", results);
  const ReportFiles files = write_report(run);
  ASSERT_EQ(files.notes.size(), 1u);
  EXPECT_THAT(files.notes[0], HasSubstr("/nowhere/cifar10.tds"));
  EXPECT_THAT(read_file(files.html), HasSubstr("/nowhere/cifar10.tds"));
  EXPECT_THAT(error_of([&] { write_report(run, {.data = "/nowhere/else.tds"}); }), HasSubstr("/nowhere/else.tds"));
}

TEST(Report, RefusesADataSetThatWasNotEvaluated) {
  const Scratch run("triage_report_other");
  write_simulated_run(run);
  const Json good = read_sealed_json(run / "results.json");
  const auto refusal = [&](const auto& change) {
    Json results = good;
    change(results["test"]);
    write_sealed_json(run / "results.json", results);
    return error_of([&] { write_report(run, {.data = run / "data.tds"}); });
  };
  EXPECT_THAT(refusal([](Json& test) {
                Json& label = test["examples"]["hardest"][0]["label"];
                label = (label.get<int>() + 1) % 4;
              }),
              HasSubstr("this is not the data set that was evaluated"));
  EXPECT_THAT(refusal([](Json& test) { test["sha256"] = std::string(64, '0'); }),
              HasSubstr("this is not the data set that was evaluated: expected SHA-256 000"));
}

TEST(Results, NamesFileAndField) {
  const auto message = [](auto change) {
    Json json = simulated_results({.shift = false});
    change(json);
    return error_of([&] { results::results_from_json(json, "results.json"); });
  };
  EXPECT_THAT(message([](Json& j) { j["version"] = 3; }), HasSubstr("version"));
  EXPECT_THAT(message([](Json& j) { j["test"]["static"][1]["accuracy"] = 93.1; }),
              HasSubstr("results.json: test.static[1].accuracy"));
  EXPECT_THAT(message([](Json& j) { j["test"]["policies"]["entropy"]["curve"] = Json::array(); }),
              HasSubstr("test.policies.entropy"));
  EXPECT_THAT(message([](Json& j) { j["test"]["examples"]["hardest"][0]["exit"] = 7; }), HasSubstr("exits below 2"));
  EXPECT_THAT(message([](Json& j) { j["test"]["operating_point"]["exit_share"] = {1.0}; }), HasSubstr("exit_share"));
  EXPECT_THAT(message([](Json& j) { j.erase("test"); }), HasSubstr("test"));
}

TEST(Gnuplot, ReportsItsOwnErrors) {
  EXPECT_THAT(error_of([] { run_gnuplot("plot nonsense(\n"); }), HasSubstr("gnuplot: failed"));
}

TEST(Gnuplot, AMissingProgramIsNamed) {
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nowhere", 1);
  const std::string message = error_of([] { run_gnuplot("print 1\n"); });
  setenv("PATH", path.c_str(), 1);
  EXPECT_THAT(message, HasSubstr("gnuplot-nox"));
}

TEST(Gnuplot, LiteralsCannotBeLeft) { EXPECT_EQ(literal("it's\n`x`"), "'it''s `x`'"); }

TEST(Html, Escape) { EXPECT_EQ(escape("<a href='x'>&\"\x01"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\\x01"); }

TEST(Html, Base64) {  // RFC 4648, section 10
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

TEST(Theme, ShortenedCountsColumns) {
  EXPECT_EQ(shortened("abcdef", 6), "abcdef");
  EXPECT_EQ(shortened("abcdefg", 6), "abcde…");
  EXPECT_EQ(shortened("中文汉字", 6), "中文…");
}

TEST(Theme, Numbers) {
  EXPECT_EQ(duration_us(4.321), "4.32 µs");
  EXPECT_EQ(duration_us(142.6), "143 µs");
  EXPECT_EQ(duration_us(12345), "12.3 ms");
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(count_text(111.4e6), "111 M");
  EXPECT_EQ(percent(0.93125, 2), "93.12 %");
  EXPECT_EQ(signed_number(-0.214, 2), "−0.21");
  EXPECT_EQ(signed_number(0.4, 1), "+0.4");
  EXPECT_EQ(signed_number(-0.0001, 2), "±0.00");
}

}  // namespace
}  // namespace triage::report
