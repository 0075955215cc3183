// Family: a kind of network that can be trained and searched. Space: all the networks of a family that one
// weight-sharing network holds. A family is a folder here and an entry in family.cc; search, costs and plans know the
// interface only.
//
// A network is a stem and sections, one behind the other; behind each section an exit may stand (plain's blocks).
// Slicing: a narrower layer is the first channels of the wider one (Yu, Huang 2019, "Universally Slimmable Networks"),
// a shallower section its first blocks, a smaller kernel the centre of the larger one (Cai et al. 2020, "Once for
// All"; without the matrices that it learns for each size). So every subnet is a plain dense net of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"
#include "family/arch.h"
#include "family/blueprint.h"
#include "family/space_graph.h"
#include "plan/arch.h"

namespace triage::family {

// Immutable, for any number of threads. An ArchSpec of another family is refused with an Error.
class Space {
 public:
  virtual ~Space() = default;
  virtual std::string text() const = 0;      // with the family's prefix
  virtual std::size_t sections() const = 0;  // an exit may stand behind each
  virtual double subnets() const = 0;        // how many there are; a double, as they are many

  virtual ArchSpec largest() const = 0;
  virtual ArchSpec smallest() const = 0;
  virtual ArchSpec sample(Rng& rng) const = 0;  // depths and numbers: uniform and independent
  // Around a size, 0 the smallest to 1 the largest; sample_sized(): one that is drawn first, uniformly.
  virtual ArchSpec sample_near(double size, Rng& rng) const = 0;
  ArchSpec sample_sized(Rng& rng) const;
  // The first `count` different ones that a seed draws; all of them where there are no more.
  std::vector<ArchSpec> sample_distinct(std::size_t count, std::uint64_t seed) const;

  // The largest, and it with one number a step smaller or one section shallower: together they have every layer that
  // any subnet has, at its largest.
  virtual std::vector<ArchSpec> corners() const = 0;

  // Throws Error that names both and the first place where `arch` leaves the space.
  virtual void check(const ArchSpec& arch) const = 0;
  // One number some steps up or down, or one optional block more or less; within the space, as `arch` has to be, which
  // may end behind an earlier section.
  virtual ArchSpec step(const ArchSpec& arch, Rng& rng) const = 0;
  // The subnet that begins with `arch` and is as small as possible behind it.
  virtual ArchSpec complete(const ArchSpec& arch) const = 0;
  virtual SpaceGraph graph(const plan::InputShape& input) const = 0;
};

// Immutable, for any number of threads. `body`: an ArchSpec's.
class Family {
 public:
  virtual ~Family() = default;
  virtual std::string_view name() const = 0;
  virtual std::string canonical(std::string_view body) const = 0;  // throws Error where it is no net
  virtual std::unique_ptr<Space> space(std::string_view body) const = 0;
  virtual std::size_t sections(std::string_view body) const = 0;
  virtual std::string prefix(std::string_view body, std::size_t sections) const = 0;  // what ends behind so many
  // The layers with their sizes. Throws Error where the image is too small for the net.
  virtual Blueprint blueprint(std::string_view body, const plan::InputShape& input, int classes) const = 0;
};

std::span<const Family* const> families();          // that nets can be made of
const Family& family_named(std::string_view name);  // also "fixed" (fixed/fixed.h); throws Error with those names

std::unique_ptr<Space> parse_space(std::string_view text);  // an ArchSpec's text is a space of one
std::size_t sections(const ArchSpec& arch);
ArchSpec prefix(const ArchSpec& arch, std::size_t sections);
// input: of the image; a net with a resolution of its own sees it at that one.
Blueprint blueprint(const ArchSpec& arch, const plan::InputShape& input, int classes);
NetSize size_of(const ArchSpec& arch, const plan::InputShape& input, int classes);

}  // namespace triage::family
