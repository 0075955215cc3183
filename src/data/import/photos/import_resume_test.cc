// An import that is killed or stopped goes on where it was, and ends with the file of one that was not.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/data_test_support.h"
#include "data/import/photos.h"

namespace triage::data {
namespace {

// Ends the process, or asks for a stop, when so many images of this run were imported.
class EndAt : public ProgressSink {
 public:
  EndAt(std::uint64_t images, bool kill) : images_(images), kill_(kill) {}
  void start(const ProgressState& state) override { first = state.first; }
  void update(const ProgressState& state) override {
    if (state.count < first + images_) return;
    if (kill_) ::raise(SIGKILL);
    stop = true;
  }
  void finish(const ProgressState&, bool) override {}
  void line(const std::string&) override {}
  void message(const std::string& text) override { messages.push_back(text); }

  std::atomic<bool> stop = false;
  std::uint64_t first = 0;
  std::vector<std::string> messages;

 private:
  std::uint64_t images_;
  bool kill_;
};

class ImportResume : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr int kImages = 40;

  ImportResume() {
    const std::string form = GetParam();
    options_.checkpoint_files = 4;
    options_.threads = 2;
    options_.skip_bad = true;
    options_.keep_encoded = form == "encoded";
    if (form == "resized") options_.height = options_.width = 6;
    for (int i = 0; i < kImages; ++i) put(i);
  }

  // Grey up to the 30th: a raw set begins again with three channels there.
  void put(int i) {
    Image image{5, options_.keep_encoded ? 4 + i % 3 : 4, i < 30 ? 1 : 3, {}};
    image.pixels.resize(static_cast<std::size_t>(image.height) * image.width * image.channels);
    for (std::size_t p = 0; p < image.pixels.size(); ++p) image.pixels[p] = static_cast<std::uint8_t>(p * 7 + i * 31);
    Bytes png = encode_png(image);
    if (i % 9 == 5) png.resize(png.size() / 2);
    if (i % 9 == 7) png = {'a', ' ', 't', 'e', 'x', 't'};
    write_bytes(
        dir_ / "set" / (i % 4 == 0 ? "test" : "train") / (i % 3 == 0 ? "cat" : "dog") / std::format("{:02}.png", i),
        png);
  }

  void import(const fs::path& out, ProgressSink* sink = nullptr, const std::atomic<bool>& stop = never_) {
    PhotoOptions options = options_;
    options.context = {sink, StopToken(stop)};
    ImportReport report;
    import_photos(scan_folder(dir_ / "set", "pets", options, report), options, out, report);
    bad_ = report.bad.size();
    not_images_ = report.not_images;
  }

  inline static const std::atomic<bool> never_ = false;
  TempDir dir_;
  PhotoOptions options_;
  std::size_t bad_ = 0;
  std::map<std::string, std::size_t> not_images_;
};

TEST_P(ImportResume, AfterKillsTheFileIsTheSame) {
  import(dir_ / "whole.tds");
  const std::size_t bad = bad_;
  const auto not_images = not_images_;
  for (const int images : {1, 3, 4, 7, 13, 39}) {
    int kills = 0;
    for (bool done = false; !done;) {
      const pid_t child = ::fork();
      if (child == 0) {
        EndAt end(images, true);
        import(dir_ / "killed.tds", &end);
        ::_exit(0);
      }
      int status = 0;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      done = WIFEXITED(status);
      if (!done) {
        ASSERT_EQ(WTERMSIG(status), SIGKILL);
        ++kills;
      }
      if (kills > kImages) break;
      if (images < 5) done = kills == 3;  // it gets nowhere: less than a checkpoint
    }
    EXPECT_GE(kills, 1);
    import(dir_ / "killed.tds");
    EXPECT_EQ(read_bytes(dir_ / "killed.tds"), read_bytes(dir_ / "whole.tds")) << "killed at " << images;
    EXPECT_EQ(bad_, bad);
    EXPECT_EQ(not_images_, not_images);
    EXPECT_EQ(entries(dir_.path()), 3u);  // the set and the two files
    fs::remove(dir_ / "killed.tds");
  }
}

TEST_P(ImportResume, AfterAStopNothingIsDecodedTwice) {
  import(dir_ / "whole.tds");
  EndAt end(17, false);
  EXPECT_THROW(import(dir_ / "stopped.tds", &end, end.stop), Interrupted);
  EXPECT_FALSE(fs::exists(dir_ / "stopped.tds"));
  EXPECT_TRUE(fs::exists(dir_ / "stopped.tds.part"));
  EndAt rest(1000, false);
  import(dir_ / "stopped.tds", &rest);
  EXPECT_EQ(rest.first, 17u);
  EXPECT_THAT(rest.messages, ::testing::ElementsAre(HasSubstr("going on behind 17 of 40 files")));
  EXPECT_EQ(read_bytes(dir_ / "stopped.tds"), read_bytes(dir_ / "whole.tds"));
  EXPECT_EQ(entries(dir_.path()), 3u);
}

TEST_P(ImportResume, OtherFilesOrOptionsBeginAnew) {
  const auto stopped_then = [&](auto change) {
    EndAt end(17, false);
    EXPECT_THROW(import(dir_ / "a.tds", &end, end.stop), Interrupted);
    change();
    EndAt again(1000, false);
    import(dir_ / "a.tds", &again);
    EXPECT_EQ(again.first, 0u);
    EXPECT_TRUE(again.messages.empty());
    EXPECT_EQ(error_of([&] { Dataset::open(dir_ / "a.tds").verify_images(); }), "no error");
  };
  stopped_then([&] { put(kImages); });
  stopped_then([&] { options_.text = "--channels 3"; });
  stopped_then([&] { fs::last_write_time(dir_ / "set/train/dog/01.png", fs::file_time_type::clock::now()); });
  stopped_then([&] {  // of a journal what was written before it was damaged is believed
    Bytes journal = read_bytes(dir_ / "a.tds.journal.part");
    journal[3] ^= 1;
    write_bytes(dir_ / "a.tds.journal.part", journal);
  });
}

TEST_P(ImportResume, AnErrorLeavesNothing) {
  options_.skip_bad = false;
  EXPECT_THROW(import(dir_ / "a.tds"), BadImages);
  EXPECT_EQ(entries(dir_.path()), 1u);
}

INSTANTIATE_TEST_SUITE_P(Forms, ImportResume, ::testing::Values("encoded", "raw", "resized"),
                         [](const auto& form) { return std::string(form.param); });

}  // namespace
}  // namespace triage::data
