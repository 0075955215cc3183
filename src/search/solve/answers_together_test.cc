#include "search/solve/answers_together.h"

#include <gtest/gtest.h>

#include <numeric>

#include "search/search_test_support.h"

namespace triage::search {
namespace {

// Each net sees the label through noise of its own, so that their mean is right more often than each of them; but those
// of 4 channels see next to nothing.
class NoisyAnswers : public AnswerSource {
 public:
  explicit NoisyAnswers(std::size_t images) {
    Rng rng(7);
    for (std::vector<Label>* labels : {&route_, &validation_})
      for (std::size_t i = 0; i < images; ++i) labels->push_back(static_cast<Label>(rng.below(4)));
  }
  Answers answers(const family::ArchSpec& subnet, plan::Precision) override {
    return {split(subnet, "route", route_), split(subnet, "validation", validation_)};
  }
  const std::vector<Label>& route_labels() const override { return route_; }
  const std::vector<Label>& validation_labels() const override { return validation_; }
  int classes() const override { return 4; }

 private:
  static SubnetAnswers split(const family::ArchSpec& subnet, std::string_view name, const std::vector<Label>& labels) {
    SubnetAnswers out{subnet.text(), 0, 0, std::vector<double>(kFakeExits.size()), {}};
    const double signal = subnet.text().starts_with("4") ? 0.2 : 1.5;
    for (const int exit : kFakeExits) {
      Rng noise(derive_seed(derive_seed(3, name), family::prefix(subnet, static_cast<std::size_t>(exit) + 1).text()));
      for (const Label label : labels) {
        for (Label c = 0; c < 4; ++c)
          out.logits.push_back(static_cast<float>((c == label ? signal : 0) + noise.normal()));
      }
    }
    return out;
  }

  std::vector<Label> route_, validation_;
};

class AnswersTogether : public testing::Test {
 protected:
  AnswersTogether() : source_(1500), pool_(source_, fake_spaces()) {}

  const ExitNet& net(const char* text) { return pool_.get(family::ArchSpec::parse(text)); }
  static int right(const std::vector<std::uint8_t>& correct) {
    return std::accumulate(correct.begin(), correct.end(), 0);
  }

  NoisyAnswers source_;
  NetPool pool_;
};

TEST_F(AnswersTogether, WinWhereNetsErrOnOtherImages) {
  const std::vector nets{&net("8-16-32,24-64"), &net("8-16-24,32-64"), &net("8-16-32,32-64")};
  const auto exits = answer_together(pool_, nets, plan::PolicyKind::confidence);
  ASSERT_EQ(exits.size(), 3u);
  EXPECT_FALSE(exits[0]);  // nobody stands before it
  ASSERT_TRUE(exits[1] && exits[2]);
  ASSERT_TRUE(exits[1]->ranking);
  EXPECT_FALSE(exits[2]->ranking);
  EXPECT_EQ(exits[1]->correct.size(), 1500u);
  EXPECT_EQ(scores(*exits[1]->ranking).size(), 1500u);
  EXPECT_GT(right(exits[1]->correct), right(nets[1]->validation.correct) + 45);  // 3 % of the images
  EXPECT_GT(right(exits[2]->correct), right(nets[2]->validation.correct) + 45);
  // Of a learned policy the router's scores stay.
  const auto learned = answer_together(pool_, nets, plan::PolicyKind::learned);
  ASSERT_TRUE(learned[1]);
  EXPECT_FALSE(learned[1]->ranking);
  EXPECT_EQ(learned[1]->correct, exits[1]->correct);
}

TEST_F(AnswersTogether, AWeakNetHasNoSayBesideAStrongOne) {
  const std::vector nets{&net("4-8-8,8"), &net("8-16-32,32-64,64")};
  EXPECT_FALSE(answer_together(pool_, nets, plan::PolicyKind::confidence)[1]);
}

TEST_F(AnswersTogether, ThePlanIsBetterByIt) {
  const FakeCosts costs;
  const Evaluator evaluator(pool_, costs, {.classes = 4});
  const auto best = [&](const char* genome) {
    double most = 0;
    for (const OperatingPoint& point : evaluator.evaluate(Genome::parse(genome))) most = std::max(most, point.accuracy);
    return most;
  };
  EXPECT_GT(best("confidence+together: 8-16-32,24-64 > 8-16-24,32-64"),
            best("confidence: 8-16-32,24-64 > 8-16-24,32-64") + 0.03);
}

TEST_F(AnswersTogether, LogitsAreThoseOfTheNetsOwnExit) {
  const ExitNet& early = net("8-16");
  const ExitLogits logits = pool_.logits(early);
  ASSERT_EQ(logits.validation.size(), 1500u * 4);
  for (std::size_t i = 0; i < 1500; ++i) {
    const float* const row = &logits.validation[4 * i];
    EXPECT_EQ(std::max_element(row, row + 4) - row == source_.validation_labels()[i], early.validation.correct[i] != 0);
  }
}

}  // namespace
}  // namespace triage::search
