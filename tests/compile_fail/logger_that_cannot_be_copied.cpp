// dcp: a hook is a copyable callable: a logger takes a `const dcp::log_record&`
#include <dcp/dedup_tensors.hpp>

#include <memory>

dcp::options once() {
#if defined(DCP_FIXED)
  auto text = std::make_shared<std::string>();
#else
  auto text = std::make_unique<std::string>();
#endif
  return {.log = [text = std::move(text)](const dcp::log_record& record) { *text += record.message; }};
}
