// SubnetWork: which subnets are to be asked for their answers, and who is at which: shared by all processes that score
// subnets of one supernet together, in a SQLite file (on one machine) or a PostgreSQL database (on any number). The
// answers themselves go into a LogitStore.
//
// A claim ends when its worker is done, when its process is gone (seen at once on the same machine), when its
// connection to PostgreSQL ends (seen at once by all), or when its lease has run out; the subnet then goes to another
// worker. What a subnet says is a function of the identity alone, so whoever is first counts and a late worker does no
// harm. One object per thread, and none open across a fork(). Everything throws Error, which begins with the location.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/json.h"

namespace triage::search {

struct SubnetWorkOptions {
  double lease_seconds = 600;  // longer than one subnet may take: there is no renewal
};

class SubnetWork {
 public:
  // location: see open_database() in sql.h. identity: all that decides what a subnet says (weights, data, split, way to
  // recalibrate, type of the activations, version of the program). The work of this name with another one is refused;
  // the first field that differs is shown with both sides.
  SubnetWork(const std::string& location, const std::string& name, const Json& identity,
             const SubnetWorkOptions& options = {});
  ~SubnetWork();
  SubnetWork(SubnetWork&&) noexcept;

  // To be asked, in this order, behind those that are wanted already. One that was done is wanted again: the caller did
  // not find its answers.
  void want(std::span<const std::string> subnets);
  // The first that is wanted and that nobody is at; none: all are done or somebody's.
  std::optional<std::string> claim();
  void done(const std::string& subnet);     // its answers are in the store
  void give_up(const std::string& subnet);  // the next one may have it at once

  struct Status {
    std::size_t wanted = 0, done = 0;  // since the work began; wanted: those that are done among them
    std::size_t workers = 0;           // that are at a subnet now
    std::size_t mine = 0;              // done by this process
    bool ended = false;
  };
  Status status() const;
  void set_ended(bool ended);  // whether those who only score may go

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triage::search
