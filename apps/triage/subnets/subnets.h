// The actions of `triage subnets`.
#pragma once

#include "apps/triage/program/command.h"
#include "workflow/search/open_supernet.h"

namespace triage::cli {

int subnets_eval(int argc, char** argv);
int subnets_cut(int argc, char** argv);
int subnets_alone(int argc, char** argv);
int subnets_compare(int argc, char** argv);
int subnets_pack(int argc, char** argv);

}  // namespace triage::cli
