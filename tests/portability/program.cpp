// A small program of all public functions, for compilers and flags that the unit tests cannot be built with: no test
// library, no exceptions. Two files of it, this and other.cpp, include all headers: what is not inline fails to link.

#include <dcp/balanced.hpp>
#include <dcp/console_logger.hpp>
#include <dcp/coverage.hpp>
#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

std::size_t count_in_other_file(const std::vector<dcp::SavePlan>& plans);

namespace {

void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::exit(1);
}

dcp::WriteItem tensor(const char* name, std::int64_t rows) {
  return {.index = {.fqn = name, .offset = {{0, 0}}},
          .tensor_data = dcp::TensorWriteData{.chunk = {{0, 0}, {rows, 8}}, .properties = {}, .size = {rows, 8}}};
}

std::vector<dcp::SavePlan> sample() {
  return {{.items = {tensor("a", 1), tensor("b", 2), tensor("c", 3)}}, {.items = {tensor("b", 2), tensor("a", 4)}}};
}

void deduplicate() {
  std::vector<dcp::SavePlan> plans = sample();
  std::string message;
  const dcp::logger log([&](const dcp::log_record& record) { message = record.message; });
  const dcp::duplicates found = dcp::find_duplicates(plans, {.log = log});
  require(found.size() == 2 && *found.in(1).begin() == dcp::duplicate{0, 0, 1}, "two items are redundant");
  require(message.starts_with("Duplicate keys to remove: {1: [MetadataIndex(fqn='b', "), "they are logged");
  require(count_in_other_file(plans) == 2, "the other file finds them too");

  const auto copy = dcp::dedup_tensors(plans, {.keep = dcp::keep::balanced(0.5)});
  require(plans == sample(), "an lvalue is untouched");
  require(copy[0].items.size() + copy[1].items.size() == 3, "each index stays once");
  dcp::erase_duplicates(plans, found);
  require(plans[1].items.empty(), "what is redundant is erased");
  require(dcp::check_coverage(copy).empty(), "all elements are written");
  static_cast<void>(dcp::dedup_tensors(sample(), {.log = dcp::console_logger()}));
}

// Each throws; built without exceptions, it prints a message and aborts.
void raise(const char* what) {
  const auto plans = sample();
  if (std::strcmp(what, "out_of_range") == 0) {
    const dcp::duplicates found = dcp::find_duplicates(plans);
    static_cast<void>(found.in(2));
  } else if (std::strcmp(what, "other_plans") == 0) {
    auto others = std::vector<dcp::SavePlan>(3);
    dcp::erase_duplicates(others, dcp::find_duplicates(plans));
  } else if (std::strcmp(what, "tolerance") == 0) {
    static_cast<void>(dcp::keep::balanced(-1));
  } else if (std::strcmp(what, "conflict") == 0) {
    static_cast<void>(dcp::find_duplicates(plans, {.check_replicas = true}));
  } else if (std::strcmp(what, "negative_extent") == 0) {
    static_cast<void>(tensor("a", -1).storage_size());
  }
}

}  // namespace

int main(int count, char** words) {
  if (count > 1) raise(words[1]);
  else deduplicate();
}
