#include "search/store/sql.h"
#include "triage/classifier.h"
#include "workflow/search/open_supernet.h"

namespace triage::workflow {

Json scoring_identity(const OpenSupernet& supernet, const AnswersOf& answers, const std::string& location) {
  Json identity = identity_of(supernet);
  identity["split"] = answers.split;
  identity["recalibration"] = text_of(answers.recalibration);
  if (!search::is_server(location)) return identity;
  identity["activations"] = supernet.activations();
  identity["int8"] = exporting::to_json(supernet.workspace.config.int8);
  identity["program"] = triage::version();
  return identity;
}

}  // namespace triage::workflow
