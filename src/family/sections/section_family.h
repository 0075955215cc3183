// What the families made of sections share: texts, spaces, prefixes. Each says what its texts may have and draws one
// block.
#pragma once

#include "family/family.h"
#include "family/sections/section_net.h"

namespace triage::family {

class SectionFamily : public Family {
 public:
  std::string_view name() const override { return grammar_.family; }
  std::string canonical(std::string_view body) const override { return parse_one(body).text(); }
  std::unique_ptr<Space> space(std::string_view body) const override;
  std::size_t sections(std::string_view body) const override { return parse_one(body).sections.size(); }
  std::string prefix(std::string_view body, std::size_t sections) const override;
  Blueprint blueprint(std::string_view body, const plan::InputShape& input, int classes) const override;
  const Grammar& grammar() const { return grammar_; }

  // Layers of a block of `width` channels, named name + ".…", behind layer `from`; returns the last.
  virtual int draw(BlueprintBuilder& builder, const std::string& name, int from, const SectionBlock& block, int width,
                   int stride) const = 0;
  virtual int draw_stem(BlueprintBuilder& builder, const SectionNet& net) const;
  // What stands between the last section and the last pool or linear layer; returns `from` where there is nothing.
  static int draw_tails(BlueprintBuilder& builder, const SectionNet& net, int from);

 protected:
  explicit SectionFamily(Grammar grammar) : grammar_(std::move(grammar)) {}
  SectionNet parse_one(std::string_view body) const;  // Error where it is a space of more than one net

 private:
  Grammar grammar_;
};

// The subnets of a net with ranges; `family` reads their texts and outlives it.
class SectionSpace final : public Space {
 public:
  SectionSpace(SectionNet net, const SectionFamily& family)
      : net_(std::move(net)), family_(family), grammar_(family.grammar()) {}

  std::string text() const override { return join_family(grammar_.family, net_.text()); }
  std::size_t sections() const override { return net_.sections.size(); }
  double subnets() const override;
  ArchSpec largest() const override;
  ArchSpec smallest() const override;
  ArchSpec sample(Rng& rng) const override;
  ArchSpec sample_near(double size, Rng& rng) const override;
  std::vector<ArchSpec> corners() const override;
  void check(const ArchSpec& arch) const override;
  ArchSpec step(const ArchSpec& arch, Rng& rng) const override;
  ArchSpec complete(const ArchSpec& arch) const override;
  SpaceGraph graph(const plan::InputShape& input) const override;

 private:
  SectionNet net_of(const ArchSpec& arch) const;
  ArchSpec named(const SectionNet& net) const { return {std::string(grammar_.family), net.text()}; }

  SectionNet net_;
  const SectionFamily& family_;
  const Grammar& grammar_;
};

inline Activation activation_of(bool hard_swish) { return hard_swish ? Activation::hard_swish : Activation::relu; }

}  // namespace triage::family
