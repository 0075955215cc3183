// The parts of training that can be checked without training: rates, losses, checkpoints, the teacher's memory.
#include <gtest/gtest.h>
#include <torch/cuda.h>

#include <cmath>

#include "core/test_support.h"
#include "data/import/import.h"
#include "train/distill.h"
#include "train/files/checkpoint.h"
#include "train/files/network_file.h"
#include "train/files/pickle.h"
#include "train/trainer.h"

namespace triage::train {
namespace {

fs::path scratch(const std::string& name) {
  static const TempDir directory;
  return directory.path() / name;
}

TEST(LearningRate, RisesToThePeakAndFallsToTheEnd) {
  TrainOptions options;
  options.lr = 2;
  options.warmup = 0.25;
  options.final_lr = 0.1;
  // 100 steps: the middle of step 12 is at 12.5 / 25 of the rise; of step 62 half way down from 2 to 0.2.
  EXPECT_NEAR(learning_rate(options, 12, 100), 1.0, 1e-12);
  EXPECT_NEAR(learning_rate(options, 62, 100), 1.1, 1e-12);
  EXPECT_GT(learning_rate(options, 99, 100), 0.2);
  EXPECT_LT(learning_rate(options, 99, 100), 0.22);
  options.warmup = 0;
  EXPECT_NEAR(learning_rate(options, 0, 100), 2 * (0.1 + 0.9 * 0.995), 1e-12);
}

TEST(LearningRate, AlongACosineEndsAtTheLastRate) {
  TrainOptions options;
  options.schedule = Schedule::cosine;
  options.lr = 2;
  options.warmup = 0.2;
  for (const double last : {0.0, 0.1}) {
    options.final_lr = last;
    // 1,000,000 steps: the fall begins at 200,000; at half, a quarter and three quarters of it, by the formula of SGDR.
    const auto at = [&](double done) {
      return learning_rate(options, static_cast<std::uint64_t>(200000 + 800000 * done), 1000000);
    };
    const auto expected = [&](double done) {
      return 2 * (last + (1 - last) * 0.5 * (1 + std::cos(std::acos(-1.0) * done)));
    };
    for (const double done : {0.0, 0.25, 0.5, 0.75}) EXPECT_NEAR(at(done), expected(done), 1e-5) << done;
    EXPECT_NEAR(learning_rate(options, 999999, 1000000), 2 * last, 1e-9);
  }
  EXPECT_NEAR(learning_rate(options, 99999, 1000000), 1, 1e-5);  // warm-up as ever
}

TEST(LearningRate, FallsInStepsBehindTheMilestones) {
  TrainOptions options;
  options.schedule = Schedule::step;
  options.lr = 1;
  options.warmup = 0;
  options.epochs = 10;
  options.milestones = {5, 8};
  options.gamma = 0.5;
  // 7 steps an epoch: steps 0 to 34 are before the first milestone, 35 to 55 between.
  for (const std::uint64_t step : {0, 34}) EXPECT_EQ(learning_rate(options, step, 70), 1);
  for (const std::uint64_t step : {35, 55}) EXPECT_EQ(learning_rate(options, step, 70), 0.5);
  for (const std::uint64_t step : {56, 69}) EXPECT_EQ(learning_rate(options, step, 70), 0.25);
}

TEST(DistillationLoss, IsTheSumOfBothParts) {
  const at::Tensor logits = at::tensor({2.0, 0.0, 0.0, 1.0}).view({2, 2}),
                   teacher = at::tensor({0.0, 2.0, 3.0, 0.0}).view({2, 2});
  const at::Tensor labels = at::tensor({0, 1}, at::kLong);
  const double t = 2, mix = 0.7;
  double expected = 0;
  for (int i = 0; i < 2; ++i) {
    double z[2], u[2];
    for (int k = 0; k < 2; ++k) z[k] = logits[i][k].item<double>(), u[k] = teacher[i][k].item<double>();
    const auto softmax = [](const double* v, int k, double s) {
      return std::exp(v[k] / s) / (std::exp(v[0] / s) + std::exp(v[1] / s));
    };
    for (int k = 0; k < 2; ++k) {
      const double p = softmax(u, k, t);
      expected += 0.5 * mix * t * t * p * std::log(p / softmax(z, k, t));
    }
    const int label = static_cast<int>(labels[i].item<std::int64_t>());
    // Smoothing 0.2 over two classes: 0.9 on the label, 0.1 on the other.
    expected -= 0.5 * (1 - mix) * (0.9 * std::log(softmax(z, label, 1)) + 0.1 * std::log(softmax(z, 1 - label, 1)));
  }
  EXPECT_NEAR(distillation_loss(logits, teacher, Labels(labels), t, mix, 0.2).item<double>(), expected, 1e-6);
  // A student that says what the teacher says has nothing left to learn from it.
  EXPECT_NEAR(distillation_loss(teacher, teacher, Labels(labels), t, 1, 0).item<double>(), 0, 1e-6);
}

TEST(Device, IsRefusedWhereThereIsNone) {
  if (!torch::cuda::is_available()) {
    EXPECT_NE(error_of([] { device_from_string("cuda"); }).find("device: expected a CUDA device, found none"),
              std::string::npos);
  }
  EXPECT_NE(error_of([] { device_from_string("gpu"); }).find("expected auto, cpu or cuda, found 'gpu'"),
            std::string::npos);
  EXPECT_TRUE(device_from_string("cpu").is_cpu());
}

data::Batch batch_of(std::vector<std::uint32_t> indices) {
  data::Batch batch;
  batch.size = static_cast<int>(indices.size());
  batch.indices = std::move(indices);
  return batch;
}

TEST(TeacherLogits, AsksOnceForEachView) {
  std::vector<std::int64_t> asked;
  TeacherLogits teacher(
      [&](const at::Tensor& images) {
        asked.push_back(images.size(0));
        return images.view({images.size(0), 2}) * 2;
      },
      10, 2, 2);
  const at::Tensor images = at::arange(6, at::kFloat).view({3, 2, 1, 1});
  const at::Tensor first = teacher(images, batch_of({4, 1, 7}), 0);
  EXPECT_TRUE(at::equal(first, images.view({3, 2}) * 2));
  EXPECT_TRUE(at::equal(teacher(images, batch_of({4, 1, 7}), 2), first));                  // the same view
  EXPECT_TRUE(at::equal(teacher(images.flip(0), batch_of({7, 1, 4}), 4), first.flip(0)));  // another order
  EXPECT_EQ(asked, (std::vector<std::int64_t>{3}));
  teacher(images, batch_of({4, 2, 3}), 0);  // two of them are new
  EXPECT_EQ(asked, (std::vector<std::int64_t>{3, 2}));
  teacher(images, batch_of({4, 1, 7}), 1);  // the other view
  EXPECT_EQ(asked, (std::vector<std::int64_t>{3, 2, 3}));

  Tensors saved;
  teacher.save(saved);
  TeacherLogits copy([](const at::Tensor&) -> at::Tensor { throw Error("must not be asked"); }, 10, 2, 2);
  copy.load(saved);
  EXPECT_TRUE(at::equal(copy(images, batch_of({4, 1, 7}), 0), first));
}

TEST(Checkpoint, RoundTripsAndRefusesWhatIsDamagedOrForeign) {
  const fs::path file = scratch("a.ckpt");
  Checkpoint written;
  written.identity = {{"arch", "8-8"}, {"options", {{"lr", 0.5}}}};
  written.state = {{"step", 3}};
  written.tensors = {{"a", at::arange(5, at::kFloat)}, {"b", at::ones({2, 2}, at::kHalf)}};
  save_checkpoint(file, written);
  const Checkpoint read = load_checkpoint(file, written.identity);
  EXPECT_EQ(read.state, written.state);
  EXPECT_TRUE(at::equal(read.tensors.at("a"), written.tensors.at("a")));
  EXPECT_EQ(read.tensors.at("b").scalar_type(), at::kHalf);

  Checkpoint moved = written;  // to another device: the run goes on
  moved.identity["device"] = "cuda";
  save_checkpoint(scratch("moved.ckpt"), moved);
  Json here = written.identity;
  here["device"] = "cpu";
  EXPECT_EQ(load_checkpoint(scratch("moved.ckpt"), here).state, written.state);

  Json other = written.identity;
  other["options"]["lr"] = 0.25;
  EXPECT_NE(error_of([&] { load_checkpoint(file, other); }).find("options.lr: expected 0.25, found 0.5"),
            std::string::npos);

  const std::string good = read_file(file);
  for (std::size_t place = 0; place < good.size(); place += 1 + good.size() / 50) {
    std::string bad = good;
    bad[place] = static_cast<char>(bad[place] ^ 0x10);
    write_file_atomic(file, bad);
    EXPECT_NE(error_of([&] { load_checkpoint(file, written.identity); }), "no error") << "flipped byte " << place;
  }
  for (const std::size_t length : {std::size_t{0}, std::size_t{7}, std::size_t{100}, good.size() - 1}) {
    write_file_atomic(file, good.substr(0, length));
    EXPECT_NE(error_of([&] { load_checkpoint(file, written.identity); }).find("a.ckpt"), std::string::npos);
  }
}

TEST(NetworkFile, CarriesItsSpaceAndGivesTheSameAnswers) {
  const fs::path file = scratch("net.pt");
  supernet::NetworkOptions options;
  options.bf16 = false;
  options.exits = {1};
  const auto space = plan::SearchSpace::parse("4:8:4-8:16:4,8:16:4?-8:24:8");
  supernet::Network network(space, plan::InputShape{3, 16, 16}, 2, options, /*seed=*/5);
  const NetworkAbout about{{"cat", "dog"}, {{0.5f, 0.4f, 0.3f}, {0.2f, 0.2f, 0.2f}}, {{"data", "x"}}};
  save_network(file, *network, network->state(), about);
  NetworkFile back = load_network(file, ComputeType::fp32);
  EXPECT_EQ(back.network->space(), space);
  EXPECT_EQ(back.classes, about.classes);
  EXPECT_EQ(back.normalization.mean, about.normalization.mean);
  EXPECT_EQ(back.identity, about.identity);
  EXPECT_EQ(back.sha256, sha256_file(file));
  const at::Tensor images = at::randn({4, 3, 16, 16}).contiguous(at::MemoryFormat::ChannelsLast);
  network->eval();
  const supernet::NetworkOutput was = network->forward(images), is = back.network->forward(images);
  EXPECT_TRUE(at::equal(is.logits, was.logits));
  EXPECT_TRUE(at::equal(is.exits[0], was.exits[0]));

  const auto whole = fs::file_size(file);
  save_network(file, *network, network->state(), about, WeightStorage::bf16);
  EXPECT_LT(fs::file_size(file), whole * 7 / 10);
  EXPECT_LT(
      (load_network(file, ComputeType::fp32).network->forward(images).logits - was.logits).abs().max().item<float>(),
      0.02f * was.logits.abs().max().item<float>());  // bf16 keeps 8 bits
}

// torch.load takes no other globals by default (weights_only).
TEST(Pickle, NamesWhatTorchLoadAllows) {
  const std::string bytes =
      pickle({{"a.weight", at::ones({2, 3})}, {"b", at::zeros({4}, at::kBFloat16)}}, {{"about", "{}"}});
  EXPECT_EQ(bytes.find("torch.jit"), std::string::npos);
  EXPECT_NE(bytes.find("_rebuild_tensor_v2"), std::string::npos);
  const Pickled back = unpickle(bytes, "bytes");
  EXPECT_TRUE(at::equal(back.tensors.at("a.weight"), at::ones({2, 3})));
  EXPECT_EQ(back.tensors.at("b").scalar_type(), at::kBFloat16);
  EXPECT_EQ(back.texts.at("about"), "{}");
}

TEST(NetworkFile, RefusesWhatItIsNot) {
  const fs::path file = scratch("net.pt");
  const auto load = [&] { load_network(file, ComputeType::fp32); };
  write_file_atomic(file, "no pickle");
  EXPECT_NE(error_of(load).find("net.pt: expected a pickled dict"), std::string::npos);
  write_file_atomic(file, pickle({{"head_bias", at::zeros({10})}}));
  EXPECT_NE(error_of(load).find("net.pt: expected a triage network"), std::string::npos);
}

std::string meaning_of(const fs::path& file) {
  const NetworkFile network = load_network(file, ComputeType::fp32);
  Tensors tensors;
  for (const auto& [name, tensor] : network.network->state()) tensors[name] = tensor;
  return pickle(tensors, {{"about", network.network->space().text() + network.identity.dump() +
                                        Json(network.classes).dump() + Json(network.normalization.mean).dump()}});
}

void save_small_network(const fs::path& file) {
  supernet::NetworkOptions options;
  options.bf16 = false;
  supernet::Network network(plan::SearchSpace::parse("4-8"), plan::InputShape{3, 8, 8}, 2, options, /*seed=*/5);
  save_network(file, *network, network->state(), {{"cat", "dog"}, {{0.5f, 0.5f, 0.5f}, {1, 1, 1}}, {{"data", "x"}}});
}

// LibTorch does not look at the archive's checksums: flipped bits of weights were taken as they are.
TEST(NetworkFile, DamageIsRefused) {
  const TempDir directory;
  const fs::path file = directory / "net.pt";
  save_small_network(file);
  const Damage found = damage(file, 300, [&] { return meaning_of(file); });
  EXPECT_EQ(found.taken, std::vector<std::string>());
  EXPECT_GT(found.refused, 100);  // the others pad the archive
}

// Of before there were checksums of its own: the archive's are held against it all the same.
TEST(NetworkFile, DamageOfOldFilesIsRefused) {
  const TempDir directory;
  const fs::path file = directory / "net.pt";
  save_small_network(file);
  Pickled old = unpickle(read_file(file), "net.pt");
  Json about = parse_json(old.texts.at("about"), "about");
  about.erase("checksum");
  about.erase("tensors_sha256");
  old.texts["about"] = about.dump();
  write_file_atomic(file, pickle(old.tensors, old.texts));
  const Damage found = damage(file, 300, [&] { return meaning_of(file); });
  EXPECT_EQ(found.taken, std::vector<std::string>());
  EXPECT_GT(found.refused, 100);
}

TEST(NetworkFile, OtherImagesOrClassesAreRefused) {
  const TempDir directory;
  const auto dataset = [&](const char* name, int classes, std::uint32_t train) {
    data::write_dataset(data::generate({.classes = classes, .height = 8, .width = 8, .train_count = train}),
                        directory / name);
    return data::Dataset::open(directory / name);
  };
  const data::Dataset own = dataset("own.tds", 3, 90), more = dataset("more.tds", 3, 120),
                      less = dataset("less.tds", 2, 90);
  const data::SplitOptions options{.route = 9, .validation = 9, .seed = 4};
  const data::Splits splits = data::make_splits(own, options);
  NetworkAbout network{
      own.info().classes, {}, {{"data", own.info().sha256}, {"seed", 4}, {"route", 9}, {"validation", 9}}};
  const auto refusal = [&](const data::Dataset& data, const data::Splits& split, std::uint64_t seed) {
    return error_of([&] { require_images_of(network, data, split, seed, "net.pt"); });
  };
  EXPECT_EQ(refusal(own, splits, 4), "no error");
  EXPECT_NE(refusal(more, data::make_splits(more, options), 4)
                .find("as it is split here: data: expected \"" + own.info().sha256),
            std::string::npos);
  EXPECT_NE(refusal(own, splits, 5).find("seed: expected 4, found 5"), std::string::npos);
  EXPECT_NE(refusal(own, data::make_splits(own, {.route = 12, .validation = 9, .seed = 4}), 4)
                .find("route: expected 9, found 12"),
            std::string::npos);
  EXPECT_NE(
      refusal(less, data::make_splits(less, options), 4).find("was trained on other classes: class 2: expected '"),
      std::string::npos);
  data::Splits otherwise = splits;  // as many of each, but others
  otherwise.drawn = "proportional";
  EXPECT_NE(refusal(own, otherwise, 4).find("splits: expected null, found \"proportional\""), std::string::npos);
  network.identity["splits"] = "proportional";
  EXPECT_EQ(refusal(own, otherwise, 4), "no error");
  EXPECT_NE(refusal(own, splits, 4).find("splits: expected \"proportional\", found null"), std::string::npos);
  network.identity.erase("splits");
  network.classes[1] = "canine";
  EXPECT_NE(refusal(own, splits, 4).find("class 1: expected 'canine', found '" + own.info().classes[1] + "'"),
            std::string::npos);
}

TEST(Options, AreReadStrictly) {
  TrainOptions options;
  const Config good = Config::parse("epochs = 3\nlr = 0.1\n[augment]\nflip = false\n[distill]\nviews = 0\n", "t.toml");
  ConfigSection section = good.root();
  read_train_options(section, options);
  section.finish();
  EXPECT_EQ(options.epochs, 3);
  EXPECT_FALSE(options.augment.flip);
  EXPECT_EQ(options.distill.views, 0);
  EXPECT_EQ(options.momentum, TrainOptions{}.momentum);
  const Config bad = Config::parse("[augment]\nflop = true\n", "t.toml");
  EXPECT_NE(error_of([&] {
              ConfigSection s = bad.root();
              read_train_options(s, options);
            }).find("flop"),
            std::string::npos);
}

}  // namespace
}  // namespace triage::train
