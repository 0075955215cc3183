// What a plan takes an image, from decoded pixels to the answer, one image at a time on one thread, and what of it is
// outside the networks: the plan is run once more on sessions that answer what the networks did, at once.
//   cascade_bench PLAN FILE...               JSON: of each round the mean microseconds of an image ("us"), outside the
//                                            networks ("outside_us"), of that preprocessing alone ("prepare_us") and
//                                            the rest ("routing_us"); labels and exits of the images
// bench/byo/cascade_peer.py is the same in Python; scripts/byo compares the two.
#include <iostream>

#include "bench/bench_main.h"
#include "core/clock.h"
#include "core/json.h"
#include "data/image/image.h"
#include "engine/fake/fake_session.h"
#include "engine/spec.h"
#include "runtime/executor.h"
#include "runtime/open_stage.h"

namespace {

using namespace triage;

struct Images {
  std::vector<data::Image> decoded;
  std::vector<ImageView> views;
};

Images load(const std::vector<std::string>& files) {
  Images images;
  for (const std::string& file : files) images.decoded.push_back(data::to_channels(data::load_image(file), 3));
  for (const data::Image& image : images.decoded)
    images.views.push_back({image.pixels.data(), image.height, image.width, image.channels});
  return images;
}

// What every stage answers to every image, [images][classes] each.
std::vector<std::vector<float>> answers_of(const plan::Plan& plan, const fs::path& directory, const Images& images) {
  const auto sessions = runtime::open_stages(plan, directory, {});
  const runtime::ImageInputs inputs(plan);
  std::vector<std::vector<float>> answers;
  preprocess::Scratch scratch;
  for (std::size_t s = 0; s < sessions.size(); ++s) {
    const int input = inputs.of_stage(s);
    if (input < 0) fail("stage '{}': found one that starts from features, expected image stages", plan.stages[s].name);
    std::vector<float> values(inputs.elements(input)), all;
    std::vector<float> logits(plan.classes.size());
    for (const ImageView& image : images.views) {
      inputs.convert(input, image, values.data(), scratch);
      if (Status status = sessions[s]->run(1, {.input = values.data(), .logits = logits.data()}); !status)
        fail("stage '{}': {}", plan.stages[s].name, status.error().message);
      all.insert(all.end(), logits.begin(), logits.end());
    }
    answers.push_back(std::move(all));
  }
  return answers;
}

// Mean microseconds of an image.
template <class Work>
double mean_us(std::size_t images, const Work& work) {
  const double start = steady_seconds();
  for (std::size_t i = 0; i < images; ++i) work(i);
  return 1e6 * (steady_seconds() - start) / static_cast<double>(images);
}

void measure(const fs::path& directory, const std::vector<std::string>& files, int rounds) {
  const plan::Plan plan = plan::load_plan(directory);
  const Images images = load(files);
  const std::size_t count = images.views.size();
  const std::vector<std::vector<float>> answers = answers_of(plan, directory, images);

  const runtime::Executor whole(plan, runtime::open_stages(plan, directory, {}));
  const runtime::ImageInputs inputs(plan);
  std::size_t current = 0;  // the image that is asked about
  std::vector<std::unique_ptr<engine::Session>> sessions;
  const int classes = static_cast<int>(plan.classes.size());
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    sessions.push_back(std::make_unique<engine::FakeSession>(
        engine::SessionInfo{.input_size = static_cast<int>(inputs.elements(inputs.of_stage(s))), .classes = classes},
        [&, s](const engine::FakeRow& row) {
          std::copy_n(answers[s].data() + current * static_cast<std::size_t>(classes), classes, row.logits.begin());
        }));
  }
  const runtime::Executor without(plan, std::move(sessions));

  std::vector<Outcome> outcomes(count), again(count);
  const auto classify = [&](const runtime::Executor& executor, std::vector<Outcome>& into, std::size_t i) {
    if (Status status = executor.classify({&images.views[i], 1}, {&into[i], 1}); !status)
      fail("image {}: {}", i, status.error().message);
  };
  preprocess::Scratch scratch;
  std::vector<std::vector<float>> values(inputs.size());
  for (std::size_t input = 0; input < inputs.size(); ++input)
    values[input].resize(inputs.elements(static_cast<int>(input)));
  // Each distinct input once, of the stages that the image comes to.
  const auto prepare = [&](std::size_t i) {
    int done = -1;
    for (int stage = 0; stage <= outcomes[i].exit; ++stage) {
      const int input = inputs.of_stage(stage);
      if (input <= done) continue;
      inputs.convert(input, images.views[i], values[input].data(), scratch);
      done = input;
    }
  };

  std::vector<double> us, outside, prepared, routing;
  for (int round = 0; round <= rounds; ++round) {  // the first one warms up
    us.push_back(mean_us(count, [&](std::size_t i) { classify(whole, outcomes, i); }));
    outside.push_back(mean_us(count, [&](std::size_t i) { classify(without, again, current = i); }));
    prepared.push_back(mean_us(count, prepare));
    routing.push_back(outside.back() - prepared.back());
    if (round == 0) {
      for (auto* figures : {&us, &outside, &prepared, &routing}) figures->clear();
    }
  }
  Json labels = Json::array(), exits = Json::array();
  for (std::size_t i = 0; i < count; ++i) {
    if (outcomes[i].label != again[i].label || outcomes[i].exit != again[i].exit)
      fail("image {}: without the networks another answer was found", files[i]);
    labels.push_back(outcomes[i].label);
    exits.push_back(outcomes[i].exit);
  }
  std::cout << Json{{"us", us},         {"outside_us", outside}, {"prepare_us", prepared}, {"routing_us", routing},
                    {"labels", labels}, {"exits", exits}}
                   .dump()
            << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What a plan takes an image, and what of it is outside the networks", "cascade_bench"};
  std::string plan;
  std::vector<std::string> files;
  int rounds = 5;
  app.add_option("PLAN", plan, "plan directory of image stages")->required();
  app.add_option("FILE", files, "image files")->required();
  app.add_option("--rounds", rounds, "over all images")->check(CLI::Range(1, 1000))->capture_default_str();
  return triage::bench::bench_main(app, "cascade_bench", argc, argv,
                                   [&](const std::string&) { measure(plan, files, rounds); });
}
