#include "workflow/run/teachers.h"

#include <atomic>

#include "core/rng.h"
#include "importing/test_nets.h"
#include "train/parallel/parallel_test_support.h"
#include "workflow/run/run_test_support.h"

namespace triage::workflow {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Images of one colour each, labelled as the net of importing/test_nets.h answers about pixels from 0 to 1.
class TeachersTest : public testing::Test {
 protected:
  TeachersTest() {
    importing::testing_nets::save(net_.model(), file("x.onnx"));
    Rng rng(1);
    data::RawDataset raw;
    raw.info = {
        .name = "colours", .channels = 3, .height = 4, .width = 5, .classes = {"a", "b", "c"}, .train_count = 300};
    for (std::uint32_t i = 0; i < raw.info.train_count; ++i) {
      std::uint8_t colour[3];
      for (std::uint8_t& value : colour) value = static_cast<std::uint8_t>(rng.below(256));
      for (std::size_t p = 0; p < 20; ++p) raw.pixels.insert(raw.pixels.end(), colour, colour + 3);
      const std::vector<float> said = logits(&raw.pixels[raw.pixels.size() - 60]);
      raw.labels.push_back(static_cast<Label>(std::ranges::max_element(said) - said.begin()));
    }
    data::write_dataset(raw, file("d.tds"));
  }

  fs::path file(const char* name) const { return directory_ / name; }
  std::vector<float> logits(const std::uint8_t* pixels) const {  // [4, 5, 3]
    std::vector<float> image(60);
    for (std::size_t p = 0; p < 20; ++p)
      for (std::size_t c = 0; c < 3; ++c) image[c * 20 + p] = static_cast<float>(pixels[p * 3 + c]) / 255;
    return net_.logits(image);
  }
  Workspace workspace(const std::string& stages) const {
    return {run_config("name = \"run\"\nprecision = \"fp32\"\nthreads = 1\n[data]\nfile = \"" + file("d.tds").string() +
                       "\"\n" + stages),
            directory_ / "run",
            {}};
  }
  static std::string student(const std::string& teacher) {
    return "[[stage]]\nname = \"student\"\narch = \"4\"\nbatch = 32\nwhitened_stem = false\nteacher = \"" + teacher +
           "\"\n";
  }
  // What the teacher of the first stage says of the images as they are.
  void expect_answers(const Workspace& w) {
    fs::create_directories(w.run);
    Teachers teachers(w);
    train::TrainJob job = w.job(w.config.stage("student"));
    teachers.add_to(job, w.config.stage("student"));
    ASSERT_TRUE(job.has_teacher());
    EXPECT_EQ(job.teacher_identity.get<std::string>().size(), 64u);
    const std::vector<std::uint32_t> some = {3, 250, 7};
    const data::Batch batch = data::make_eval_batch(w.dataset, some, w.normalization, data::PixelType::fp32);
    const at::Tensor said = job.ask_teacher(train::to_tensor(batch, data::PixelType::fp32, at::kCPU));
    ASSERT_EQ(said.sizes(), at::IntArrayRef({3, 3}));
    for (int i = 0; i < 3; ++i) {
      const std::vector<float> expected = logits(w.dataset.image(some[i]));
      for (int c = 0; c < 3; ++c) EXPECT_NEAR(said[i][c].item<float>(), expected[c], 1e-4) << i;
    }
  }

  TempDir directory_;
  importing::testing_nets::TestNet net_;
};

TEST_F(TeachersTest, AnImportedStageTeaches) {
  expect_answers(
      workspace("[[stage]]\nname = \"theirs\"\nonnx = \"" + file("x.onnx").string() + "\"\n" + student("theirs")));
}

TEST_F(TeachersTest, AClassifierInAFileTeaches) {
  const Workspace w = workspace(student(file("x.onnx").string()));
  check_run(w);
  expect_answers(w);
  EXPECT_TRUE(fs::exists(w.run / "imported/teacher_of_student.onnx"));
}

TEST_F(TeachersTest, AClassifierInAFileIsImportedByRankZeroForAll) {
  const auto errors = train::run_ranks(2, [&](train::Group& group) {
    Workspace w = workspace(student(file("x.onnx").string()));
    w.group = &group;
    expect_answers(w);
  });
  EXPECT_EQ(errors, std::vector<std::string>(2));
  const auto apart = train::run_ranks(2, [&](train::Group& group) {
    Workspace w = workspace(student(file("x.onnx").string()));
    w.group = &group;
    w.run = directory_ / (group.first() ? "here" : "there");
    Teachers teachers(w);
    train::TrainJob job = w.job(w.config.stages[0]);
    teachers.add_to(job, w.config.stages[0]);
  });
  EXPECT_THAT(apart[1], AllOf(HasSubstr("there/imported: expected 'teacher_of_student' in it, as rank 0 imported it"),
                              HasSubstr("one run directory")));
  EXPECT_FALSE(fs::exists(directory_ / "there"));
}

TEST_F(TeachersTest, ARankThatIsStoppedWhileItImportsTellsTheOthers) {
  const std::atomic<bool> stop = true;
  const auto errors = train::run_ranks(2, [&](train::Group& group) {
    Workspace w = workspace(student(file("x.onnx").string()));
    w.group = &group;
    if (group.first()) w.context.stop = StopToken(stop);
    expect_answers(w);
  });
  EXPECT_THAT(errors[0], HasSubstr("stopped"));
  EXPECT_THAT(errors[1], AllOf(HasSubstr("rank 0 ("), HasSubstr("gave up: " + errors[0])));
}

TEST_F(TeachersTest, ANetworkInAFileTeaches) {
  const Workspace first = workspace("[[stage]]\nname = \"old\"\narch = \"4\"\nbatch = 32\nwhitened_stem = false\n");
  const train::TrainJob old = first.job(first.config.stages[0]);
  const supernet::AnyNetwork network = train::make_network(old);
  const auto save = [&](const char* name, const train::TrainJob& job) {
    train::save_network(file(name), *network, network->state(),
                        {first.dataset.info().classes, first.normalization, train::identity_of(job)});
  };
  save("old.pt", old);
  const Workspace w = workspace(student(file("old.pt").string()));
  check_run(w);
  Teachers teachers(w);
  train::TrainJob job = w.job(w.config.stages[0]);
  teachers.add_to(job, w.config.stages[0]);
  ASSERT_NE(job.teacher, nullptr);
  EXPECT_EQ(job.teacher_identity, sha256_file(file("old.pt")));
  train::TrainJob other = old;
  other.seed = 9;
  save("other.pt", other);
  EXPECT_THAT(error_of([&] { check_run(workspace(student(file("other.pt").string()))); }),
              HasSubstr("seed: expected 9, found 1"));
}

TEST_F(TeachersTest, AFileThatCannotTeachIsRefusedBeforeTheTraining) {
  EXPECT_THAT(error_of([&] { check_run(workspace(student(file("none.onnx").string()))); }),
              HasSubstr("stage 'student': teacher: expected a file, found none at"));
  write_file_atomic(file("bad.pt"), "x");
  EXPECT_THAT(error_of([&] { check_run(workspace(student(file("bad.pt").string()))); }), HasSubstr("bad.pt"));
}

}  // namespace
}  // namespace triage::workflow
