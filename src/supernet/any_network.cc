// A Network as one of any family.
#include "supernet/any_network.h"

#include "core/error.h"
#include "family/plain/plain.h"
#include "supernet/network.h"

namespace triage::supernet {

NetworkOutput NetworkImpl::forward(const at::Tensor& images, const family::ArchSpec& subnet, bool features) {
  return forward(images, family::plain_arch(subnet), features);
}

AnyNetwork NetworkImpl::cut(const family::ArchSpec& subnet) const { return extract(family::plain_arch(subnet)); }

AnyNetwork NetworkImpl::copy(bool bf16) const {
  NetworkOptions options = options_;
  options.bf16 = bf16;
  const auto made = std::make_shared<NetworkImpl>(space_, input_, classes_, options, /*seed=*/0);
  made->load_state(state(), "a copy of network " + space_.text());
  return made;
}

Network plain_network(const AnyNetwork& network) {
  const auto plain = std::dynamic_pointer_cast<NetworkImpl>(network);
  if (!plain) fail("network {}: expected one of the family plain", network->any_space()->text());
  return Network(plain);
}

}  // namespace triage::supernet
